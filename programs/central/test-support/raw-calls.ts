/** Requests of exactly these bytes, whatever the typed client would do. */
import { callNonceBytes, type CallParts, callStatement, encodeCredentials, Problem } from "@piccolo/central-api";
import { type Ed25519Key, signStatement } from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { CentralUnderTest } from "./central.ts";
import type { Owner } from "./owners.ts";

/** The same world with another clock. */
export function shifted(world: World, ms: number): World {
  return {
    nowMs: () => world.nowMs() + ms,
    monotonicMs: () => world.monotonicMs(),
    sleep: (forMs, signal) => world.sleep(forMs, signal),
    randomBytes: (length) => world.randomBytes(length),
  };
}

export interface RawReply {
  readonly status: number;
  readonly code: string;
  readonly problem: Problem | undefined;
}

export async function send(
  central: CentralUnderTest,
  method: string,
  target: string,
  given: { readonly body?: Uint8Array | ReadableStream<Uint8Array>; readonly authorization?: string } = {},
): Promise<RawReply> {
  const reply = await fetch(central.origin + target, {
    method,
    headers: {
      "content-type": "application/json",
      ...(given.authorization === undefined ? {} : { authorization: given.authorization }),
    },
    ...(given.body === undefined ? {} : { body: given.body, duplex: "half" }),
  });
  const problem = reply.ok ? undefined : Problem.parse(await reply.json());
  return { status: reply.status, code: problem?.code ?? "no fault", problem };
}

/** The header that signs such a request; parts that are not told are those of a GET without a body. */
export function authorize(
  central: CentralUnderTest,
  owner: Owner,
  parts: Partial<CallParts> & { target: string },
  key?: Ed25519Key,
): string {
  const signer = key ?? owner.deviceKey;
  const who = {
    account: owner.account,
    timeMs: central.world.nowMs(),
    nonce: central.world.randomBytes(callNonceBytes),
  };
  const whole = { method: "GET", host: new URL(central.origin).host, body: new Uint8Array(0), ...parts };
  const signature = signStatement(signer, callStatement(whole, who));
  return encodeCredentials({ ...who, publicKey: signer.publicKey, signature });
}
