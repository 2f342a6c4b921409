/** An owner and holders in one process, with everything real but disks, databases and the channel between them. */
import { toHex } from "@piccolo/bytes";
import { deriveOwnerKeys, sealToFileKey } from "@piccolo/envelope";
import { realWorld } from "@piccolo/world/real";
import { createBLAKE3 } from "hash-wasm";
import { CrashDisk, MemoryHolderIndex, MemoryMetadata } from "../src/fakes/index.ts";
import type { FragmentHash } from "../src/fragment/index.ts";
import { HolderService, HolderStore } from "../src/holder/index.ts";
import { createOwnerEngine, type EngineOptions, type OwnerEngine, WireHolderClient } from "../src/owner/index.ts";
import { defaultPolicy } from "../src/policy/index.ts";
import {
  type HolderClient,
  type HolderView,
  type Members,
  type PeerTransport,
  transportFaults,
} from "../src/ports/index.ts";

const hasher = await createBLAKE3();
export const hash: FragmentHash = (bytes) => hasher.init().update(bytes).digest("binary");

const network = new Uint8Array(32).fill(7);

export class SmallHolder {
  readonly account: Uint8Array;
  readonly deviceKey: Uint8Array;
  readonly disk = new CrashDisk();
  store: HolderStore;
  service: HolderService;
  online = true;
  quotaBytes = 1e12;
  /** Changes a reply before the owner sees it. */
  tamper: (frame: Uint8Array, body: Uint8Array) => { frame: Uint8Array; body: Uint8Array } = (frame, body) => ({
    frame,
    body,
  });
  /** Awaited before a request is served. */
  gate: () => Promise<void> = () => Promise.resolve();

  constructor(number: number, ownerDevice: Uint8Array, owner: Uint8Array) {
    this.account = new Uint8Array(32).fill(number);
    this.deviceKey = new Uint8Array(32).fill(100 + number);
    this.store = this.#newStore(new MemoryHolderIndex());
    this.service = this.#newService(ownerDevice, owner);
    this.#owner = owner;
    this.#ownerDevice = ownerDevice;
  }

  readonly #owner: Uint8Array;
  readonly #ownerDevice: Uint8Array;

  #newStore(index: MemoryHolderIndex): HolderStore {
    return new HolderStore({
      disk: this.disk,
      index,
      hash,
      world: realWorld,
      quotaBytes: () => this.quotaBytes,
      reserveBytes: 0,
      crashPoint: () => undefined,
      report: () => undefined,
    });
  }

  #newService(ownerDevice: Uint8Array, owner: Uint8Array): HolderService {
    return new HolderService({
      store: this.store,
      memberOf: (key) => (toHex(key) === toHex(ownerDevice) ? owner : undefined),
      hello: (_, hello) => ({ ...hello, networkId: network }),
      report: () => undefined,
    });
  }

  /** Cuts the holder's power and starts it again with an empty index, as if that database were lost too. */
  async restart(): Promise<void> {
    this.disk.crash();
    this.store = this.#newStore(new MemoryHolderIndex());
    await this.store.open();
    this.service = this.#newService(this.#ownerDevice, this.#owner);
  }
}

export interface SmallNetwork {
  readonly engine: OwnerEngine;
  /** The owner's account. */
  readonly owner: Uint8Array;
  readonly holders: readonly SmallHolder[];
  readonly metadata: MemoryMetadata;
  readonly spoolDisk: CrashDisk;
  readonly reports: string[];
  /** Everything that went over the transport. */
  readonly sent: Uint8Array[];
  readonly membersChanged: () => void;
  readonly members: Members;
  readonly holderClient: HolderClient;
  /** Stops the engine and makes one anew on the same disk and metadata. */
  readonly reopen: () => Promise<OwnerEngine>;
}

export interface SmallNetworkOptions extends Partial<EngineOptions> {
  readonly holderCount?: number;
}

export async function makeSmallNetwork(options: SmallNetworkOptions = {}): Promise<SmallNetwork> {
  const keys = deriveOwnerKeys(new Uint8Array(32).fill(1), 1);
  const ownerDevice = new Uint8Array(32).fill(99);
  const holders = Array.from(
    { length: options.holderCount ?? 9 },
    (_, at) => new SmallHolder(at + 1, ownerDevice, keys.account),
  );
  await Promise.all(holders.map((holder) => holder.store.open()));
  const listeners = new Set<() => void>();
  const members: Members = {
    holders: (): HolderView[] =>
      holders.map(({ account, deviceKey, online }) => ({
        account: toHex(account),
        name: `holder ${account[0]}`,
        deviceKey,
        addresses: [],
        online,
        lastSeenMs: realWorld.nowMs(),
        roundTripMs: 1,
        domain: `household ${account[0]}`,
      })),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const sent: Uint8Array[] = [];
  const reports: string[] = [];
  const transport: PeerTransport = {
    request: async (peer, message, { maxBodyBytes, signal }) => {
      const holder = holders.find(({ deviceKey }) => toHex(deviceKey) === toHex(peer.deviceKey));
      const unreachable = transportFaults.fault("peer-unreachable", "the device does not answer");
      if (holder === undefined || !holder.online) throw unreachable;
      await Promise.race([
        holder.gate(),
        new Promise<never>((__, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        }),
      ]);
      sent.push(message.frame, ...message.body.map((piece) => piece.slice()));
      const admitted = holder.service.admit(ownerDevice, message.frame);
      if ("refusal" in admitted) return admitted.refusal;
      const body = message.body.map((piece) => piece.slice());
      const reply = await holder.service.handle(ownerDevice, { frame: message.frame, body }, signal);
      admitted.release();
      if (!holder.online) throw unreachable;
      const { frame, body: replyBody } = holder.tamper(reply.frame, Buffer.concat(reply.body));
      if (replyBody.length > maxBodyBytes) throw transportFaults.fault("peer-protocol", "the reply is too long");
      return { frame, body: replyBody.length === 0 ? [] : [new Uint8Array(replyBody)] };
    },
  };
  const metadata = new MemoryMetadata();
  const spoolDisk = new CrashDisk();
  const engineOptions: EngineOptions = {
    codec: { account: keys.account, maskKey: keys.metadataKey(), hash },
    keys: () => keys,
    sealFek: (fek, versionId) => {
      const { account, epoch, filePublicKey } = keys;
      return {
        wrappedFek: sealToFileKey(filePublicKey, fek, { account, versionId, epoch }, realWorld),
        fekEpoch: epoch,
      };
    },
    world: realWorld,
    metadata,
    members,
    holderClient: new WireHolderClient({ ownAccount: keys.account, transport, members, hash }),
    spoolDisk,
    spoolLimitBytes: 64 * 1024 * 1024,
    policy: defaultPolicy,
    ownDomain: "home",
    memoryLimitBytes: 96 * 1024 * 1024,
    events: { committed: () => undefined, placementChanged: () => undefined },
    crashPoint: () => undefined,
    report: (event, facts) => reports.push(`${event} ${JSON.stringify(facts)}`),
    ...options,
  };
  let engine = await createOwnerEngine(engineOptions);
  return {
    get engine() {
      return engine;
    },
    owner: keys.account,
    holders,
    metadata,
    spoolDisk,
    reports,
    sent,
    members,
    holderClient: engineOptions.holderClient,
    membersChanged: () => {
      for (const listener of listeners) listener();
    },
    reopen: async () => {
      await engine.stop();
      engine = await createOwnerEngine(engineOptions);
      return engine;
    },
  };
}

const never = new AbortController().signal;

/** Writes a whole version in pieces and completes it. */
export async function writeVersion(
  engine: OwnerEngine,
  content: Uint8Array,
  pieceBytes = 200_000,
): Promise<Uint8Array> {
  const { versionId } = engine.beginVersion();
  const writer = engine.writer(versionId, never);
  try {
    for (let at = 0; at < content.length; at += pieceBytes) await writer.write(content.subarray(at, at + pieceBytes));
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  engine.completeVersion(versionId, content.length);
  return versionId;
}

export async function readAll(
  engine: OwnerEngine,
  versionId: Uint8Array,
  range: { readonly start: number; readonly end: number },
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of engine.read(versionId, range, never)) parts.push(part);
  return Buffer.concat(parts);
}

export async function until(what: string, ask: () => boolean): Promise<void> {
  for (let attempt = 0; !ask(); attempt++) {
    if (attempt > 1_000) throw new Error(`${what}: not reached`);
    await realWorld.sleep(10);
  }
}
