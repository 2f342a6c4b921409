/** A member's device that speaks the protocol well and is a holder like any other, until it is told to lie. */
import type { Network } from "@piccolo/devnet";
import { ed25519FromSeed } from "@piccolo/envelope";
import { CrashDisk, MemoryHolderIndex } from "@piccolo/storage/fakes";
import {
  cellBytes,
  cellCount,
  cellLength,
  decodeHeader,
  encodeHeader,
  type FragmentHash,
  fragmentRoot,
} from "@piccolo/storage/fragment";
import { HolderService, HolderStore } from "@piccolo/storage/holder";
import type { Message, PeerHandler } from "@piccolo/storage/ports";
import { decodeRequest, decodeResponse, encodeResponse } from "@piccolo/wire";
import { realWorld } from "@piccolo/world/real";
import { createPeerNet, type PeerNet } from "../../programs/piccolod/src/adapters/peer-net/index.ts";
import { identityOf } from "./identity.ts";

/**
 * What it sends back for a fragment: the fragment; bytes that are no message; the right proof over changed bytes; or
 * other bytes with a proof that fits them.
 */
export type Manner = "honest" | "garbage" | "changed" | "forged";

export class BadHolder {
  manner: Manner = "honest";
  lies = 0;
  readonly #hash: FragmentHash;
  readonly #net: PeerNet;

  private constructor(network: Network, number: number, service: HolderService, hash: FragmentHash) {
    this.#hash = hash;
    const handler: PeerHandler = {
      admit: (deviceKey, frame) => service.admit(deviceKey, frame),
      handle: async (deviceKey, request, signal) => {
        const reply = await service.handle(deviceKey, request, signal);
        return decodeRequest(request.frame).type === "fetch" ? this.#answer(request, reply) : reply;
      },
    };
    this.#net = createPeerNet({
      deviceSeed: identityOf(network, number).deviceSeed,
      listen: [`/ip4/127.0.0.1/tcp/${network.device(number).record.peerPort}`],
      relay: () => [],
      isAllowed: () => true,
      isRelay: () => false,
      handler,
      world: realWorld,
      log: () => undefined,
    });
  }

  /** Takes the place of the device with the number, whose process must not run, with nothing stored. */
  static async start(network: Network, number: number, hash: FragmentHash): Promise<BadHolder> {
    const accounts = new Map(
      network.devices.map((device) => {
        const { deviceSeed, account } = identityOf(network, device.number);
        return [ed25519FromSeed(deviceSeed).publicKey.toHex(), account];
      }),
    );
    const store = new HolderStore({
      disk: new CrashDisk(),
      index: new MemoryHolderIndex(),
      hash,
      world: realWorld,
      quotaBytes: () => 1 << 30,
      reserveBytes: 0,
      crashPoint: () => undefined,
      report: () => undefined,
    });
    await store.open();
    const service = new HolderService({
      store,
      memberOf: (deviceKey) => accounts.get(deviceKey.toHex()),
      // It knows what the one who greets it knows.
      hello: (_account, hello) => ({ ...hello, nowMs: realWorld.nowMs(), domain: `household-${number}` }),
      report: () => undefined,
    });
    const holder = new BadHolder(network, number, service, hash);
    await holder.#net.start();
    return holder;
  }

  #answer(request: Message, reply: Message): Message {
    if (this.manner === "honest" || decodeResponse(reply.frame).type !== "cells") return reply;
    this.lies++;
    switch (this.manner) {
      case "garbage":
        return { frame: realWorld.randomBytes(2_000), body: [] };
      case "changed":
        return { frame: reply.frame, body: reply.body.map((part) => part.map((byte) => byte ^ 1)) };
      case "forged":
        return this.#forged(request, reply);
      default:
        return this.manner satisfies never;
    }
  }

  #forged(request: Message, reply: Message): Message {
    const asked = decodeRequest(request.frame);
    const given = decodeResponse(reply.frame);
    if (asked.type !== "fetch" || given.type !== "cells") return reply;
    const header = decodeHeader(given.headerBytes);
    const { fragmentBytes } = header;
    const fragment = realWorld.randomBytes(1_000);
    const cells = Array.from({ length: cellCount(fragmentBytes) }, (_, cell) =>
      Buffer.alloc(cellLength(fragmentBytes, cell), fragment),
    );
    const leaves = cells.map((cell) => this.#hash(cell));
    const root = fragmentRoot(leaves, fragmentBytes, this.#hash);
    const roots = header.roots.map((known, index) => (index === header.key.index ? root : known));
    const body = Buffer.concat(cells.slice(asked.firstCell, asked.firstCell + asked.cellCount));
    if (body.length > asked.cellCount * cellBytes) throw new Error("more cells than were asked for");
    const headerBytes = encodeHeader({ ...header, roots });
    return { frame: encodeResponse({ type: "cells", headerBytes, leaves, bodyBytes: body.length }), body: [body] };
  }

  stop(): Promise<void> {
    return this.#net.stop();
  }
}
