/** The boots recorded in vectors/boot-logs: a log as firmware wrote it, and what the chip held and signed afterwards. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex } from "@piccolo/bytes";
import { repositoryRoot } from "../../../tools/run-tests.ts";

export type BootName = "secure-boot" | "secure-boot-off" | "stub-252";

export interface RecordedBoot {
  readonly log: Uint8Array;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** TPMT_PUBLIC, TPMS_ATTEST and TPMT_SIGNATURE over `nonce`. */
  readonly key: Uint8Array;
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
  readonly nonce: Uint8Array;
  /** In the form of a release. */
  readonly prediction: object | undefined;
}

export function recordedBoot(name: BootName): RecordedBoot {
  const path = join(repositoryRoot, "vectors/boot-logs", name);
  const facts = JSON.parse(readFileSync(`${path}.json`, "utf8")) as {
    readonly pcrs: Readonly<Record<string, string>>;
    readonly prediction?: object;
  } & Readonly<Record<"key" | "attest" | "signature" | "nonce", string>>;
  return {
    log: new Uint8Array(readFileSync(`${path}.bin`)),
    pcrs: new Map(Object.entries(facts.pcrs).map(([pcr, value]) => [Number(pcr), fromHex(value)])),
    key: fromHex(facts.key),
    attest: fromHex(facts.attest),
    signature: fromHex(facts.signature),
    nonce: fromHex(facts.nonce),
    prediction: facts.prediction,
  };
}
