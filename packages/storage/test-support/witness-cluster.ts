/** An owner's log and its witnesses in one process: real services and messages, fakes for databases and the channel. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { toHex } from "@piccolo/bytes";
import { type Ed25519Key, ed25519FromSeed, signStatement } from "@piccolo/envelope";
import { decodeLogRequest, encodeLogResponse, type LogResponse } from "@piccolo/wire";
import { SeededWorld } from "@piccolo/world";
import { MemoryNetwork, MemoryOwnLog, MemoryWitnessStore } from "../src/fakes/index.ts";
import { WitnessService } from "../src/holder/index.ts";
import {
  type CheckpointRun,
  type CheckpointSegment,
  decodeHead,
  type RecoveryDecision,
  type SignedHead,
} from "../src/log/index.ts";
import type { CheckpointStore, MetadataLogCrashPoint } from "../src/owner/log/index.ts";
import {
  createMetadataLog,
  type MetadataLog,
  type MetadataLogOptions,
  recoverHead,
  type RecoveryOptions,
  restoreBest,
  WireWitnessClient,
} from "../src/owner/log/index.ts";
import {
  type HolderView,
  type Message,
  type PeerTransport,
  transportFaults,
  type VaultReader,
} from "../src/ports/index.ts";
import { engineFaults } from "../src/owner/faults.ts";
import { id } from "../src/suites/suite.ts";

const networkId = id(32, 700);
const anAccount = id(32, 701);
const metadataKey = id(32, 702);
const never = new AbortController().signal;

/** Checkpoints in memory, a segment for each piece, with switches for having too few holders. */
export class MemoryCheckpoints implements CheckpointStore {
  readonly stored = new Map<string, Uint8Array[]>();
  readonly #world: SeededWorld;
  readonly #hashes = new Map<string, string>();
  enough = true;
  /** Whether fewer holders than needed are left of what was stored. */
  lost = false;
  /** Where what is lost is looked for. */
  vault: VaultReader | undefined;
  leansOnVault = false;
  /** Awaited before content is stored. */
  gate: () => Promise<void> = () => Promise.resolve();

  constructor(world: SeededWorld) {
    this.#world = world;
  }

  async store(pieces: Iterable<Uint8Array>): Promise<CheckpointRun> {
    await this.gate();
    if (!this.enough) throw transportFaults.fault("peer-unreachable", "too few holders");
    const kept = Array.from(pieces, (piece) => piece.slice());
    const segments = kept.map((piece) => this.#segment(piece));
    const run = { key: this.#world.randomBytes(32), id: this.#world.randomBytes(16), segments };
    this.stored.set(toHex(run.id), kept);
    return run;
  }

  #segment(piece: Uint8Array): CheckpointSegment {
    const segmentId = this.#world.randomBytes(16);
    this.#hashes.set(toHex(segmentId), hashOf(piece));
    const bytes = piece.length;
    const sizes = { sealedBytes: bytes, plainBytes: bytes, fragmentBytes: bytes };
    return { segmentId, segmentRoot: id(32, 703), k: 1, n: 1, ...sizes, salt: id(16, 704), holders: [holder] };
  }

  async sealedSegment(run: CheckpointRun, ordinal: number): Promise<Uint8Array> {
    await Promise.resolve();
    const piece = this.stored.get(toHex(run.id))?.[ordinal];
    if (piece === undefined || this.lost) throw engineFaults.fault("not-enough-fragments", "too few holders are left");
    return piece;
  }

  async *read(run: CheckpointRun): AsyncIterable<Uint8Array> {
    assert.ok(this.stored.has(toHex(run.id)), "a checkpoint that was removed is read");
    for (const [ordinal, { segmentId }] of run.segments.entries()) {
      try {
        yield await this.sealedSegment(run, ordinal);
      } catch (error) {
        const copy = await this.vault?.blob(segmentId, never).catch(() => undefined);
        if (copy === undefined || hashOf(copy) !== this.#hashes.get(toHex(segmentId))) throw error;
        this.leansOnVault = true;
        yield copy;
      }
    }
  }

  remove(runs: readonly CheckpointRun[]): Promise<readonly string[]> {
    for (const run of runs) this.stored.delete(toHex(run.id));
    return Promise.resolve([]);
  }
}

const holder = toHex(id(32, 705));
const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export interface Witness {
  readonly account: Uint8Array;
  readonly deviceKey: Uint8Array;
  readonly store: MemoryWitnessStore;
  online: boolean;
  /** Answers in the witness's place; undefined lets it answer itself. */
  lie: ((request: Message, truth: () => Promise<Message>) => Promise<Message> | undefined) | undefined;
}

/** Ends a device as a power cut does. */
export class PowerCut extends Error {}

export interface Device {
  readonly ownLog: MemoryOwnLog;
  readonly epoch: number;
  readonly log: MetadataLog;
  readonly options: MetadataLogOptions;
  readonly reports: string[];
  /** How often the power was cut. */
  readonly crashes: () => number;
}

export class WitnessCluster {
  readonly world: SeededWorld;
  readonly network: MemoryNetwork;
  readonly witnesses: readonly Witness[];
  readonly checkpoints: MemoryCheckpoints;
  /** The device keys of the owner, by device epoch from 1; the last one is the current device. */
  readonly deviceKeys: Ed25519Key[] = [];
  readonly account: Uint8Array;
  /** Whether a replaced device hears of it by its own membership log. */
  replacementIsKnown = false;
  /** Whether the owner has accepted what was found, with fewer than a quorum. */
  isAccepted = false;
  keyEpoch = 1;
  readonly #listeners = new Set<() => void>();

  constructor(count: number, seed = "cluster", account = anAccount) {
    this.account = account;
    this.world = new SeededWorld(seed);
    this.network = new MemoryNetwork({ world: this.world, timeoutMs: 5_000 });
    this.checkpoints = new MemoryCheckpoints(this.world);
    this.witnesses = Array.from({ length: count }, (_, at) => this.#makeWitness(at));
  }

  #makeWitness(at: number): Witness {
    const store = new MemoryWitnessStore();
    const { account } = this;
    const witness: Witness = {
      account: id(32, 800 + at),
      deviceKey: id(32, 900 + at),
      store,
      online: true,
      lie: undefined,
    };
    const service = new WitnessService({
      store,
      memberOf: (deviceKey) => {
        const epoch = this.deviceKeys.findIndex((key) => toHex(key.publicKey) === toHex(deviceKey)) + 1;
        return epoch === 0 ? undefined : { account, deviceEpoch: epoch };
      },
      deviceKeyOf: (_, epoch) => this.deviceKeys[epoch - 1]?.publicKey,
      membership: () => ({ networkId, logLength: 0, entriesFrom: () => [], append: () => 0 }),
      quotaBytes: () => 1e9,
      report: () => undefined,
    });
    this.network.join({
      deviceKey: witness.deviceKey,
      isAllowed: () => witness.online,
      handler: {
        admit: (deviceKey, frame) => service.admit(deviceKey, frame),
        handle: (deviceKey, request, signal) => {
          const truth = (): Promise<Message> => service.handle(deviceKey, request, signal);
          return witness.lie?.(request, truth) ?? truth();
        },
      },
    });
    return witness;
  }

  /** A device of the owner, a replacement where its log is another one's; not started. */
  device(
    ownLog: MemoryOwnLog,
    options: { readonly epoch?: number; readonly crashAt?: MetadataLogCrashPoint } = {},
  ): Device {
    const epoch = options.epoch ?? Math.max(1, this.deviceKeys.length);
    while (this.deviceKeys.length < epoch) this.deviceKeys.push(ed25519FromSeed(id(32, 950 + this.deviceKeys.length)));
    const key = this.deviceKeys[epoch - 1];
    const { account } = this;
    assert.ok(key !== undefined);
    const reports: string[] = [];
    const members = {
      holders: (): HolderView[] => this.#views(),
      onChange: (listener: () => void) => this.#onChange(listener),
    };
    const transport: PeerTransport = this.network.join({
      deviceKey: key.publicKey,
      isAllowed: () => true,
      handler: {
        admit: () => assert.fail("nobody asks the owner"),
        handle: () => assert.fail("nobody asks the owner"),
      },
    });
    let crashes = 0;
    const made: MetadataLogOptions = {
      account,
      ownLog,
      identity: { account, deviceEpoch: epoch, sign: (statement) => signStatement(key, statement) },
      isAccepted: () => this.isAccepted,
      isReplaced: () => this.replacementIsKnown && epoch < this.deviceKeys.length,
      keyEpoch: () => this.keyEpoch,
      metadataKey: (keyEpoch) => (keyEpoch <= this.keyEpoch ? metadataKey : undefined),
      deviceKeyOf: (deviceEpoch) => this.deviceKeys[deviceEpoch - 1]?.publicKey,
      network: () => ({ id: networkId, logLength: 1, headHash: networkId }),
      witnesses: () => this.#views(),
      onMembersChange: (listener) => this.#onChange(listener),
      witnessClient: new WireWitnessClient({ ownAccount: account, networkId: () => networkId, transport, members }),
      checkpoints: this.checkpoints,
      vault: undefined,
      world: this.world,
      report: (event, facts) => reports.push(`${event} ${JSON.stringify(facts)}`),
      crashPoint: (name) => {
        if (name !== options.crashAt) return;
        crashes++;
        log.stop().catch(() => undefined);
        throw new PowerCut(name);
      },
    };
    const log = createMetadataLog(made);
    return { ownLog, epoch, log, options: made, reports, crashes: () => crashes };
  }

  #views(): HolderView[] {
    return this.witnesses.map(({ account: of, deviceKey, online }) => ({
      account: toHex(of),
      name: "witness",
      deviceKey,
      addresses: [],
      online,
      lastSeenMs: 0,
      roundTripMs: 1,
      domain: toHex(of),
    }));
  }

  #onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setOnline(at: number, online: boolean): void {
    const witness = this.witnesses[at];
    assert.ok(witness !== undefined);
    witness.online = online;
    for (const listener of this.#listeners) listener();
  }

  /** Lets everything happen that can, for so long. */
  async run(ms = 0): Promise<void> {
    for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (ms > 0) await this.world.advance(ms);
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Settles a promise while time moves; at most so long. */
  async settle<T>(promise: Promise<T>, ms = 60_000): Promise<T> {
    let done = false;
    const mark = (): void => {
      done = true;
    };
    promise.then(mark, mark);
    const endMs = this.world.monotonicMs() + ms;
    for (;;) {
      await this.run();
      if (done) return promise;
      if (this.world.monotonicMs() >= endMs) throw new Error(`nothing happened within ${ms} ms`);
      await this.world.advance(100);
    }
  }

  async started(ownLog = new MemoryOwnLog(), options: Parameters<WitnessCluster["device"]>[1] = {}): Promise<Device> {
    const device = this.device(ownLog, options);
    device.log.start();
    await this.settleUntil(() => device.log.ready);
    return device;
  }

  async settleUntil(ask: () => boolean, ms = 60_000): Promise<void> {
    const endMs = this.world.monotonicMs() + ms;
    while (!ask()) {
      if (this.world.monotonicMs() >= endMs) throw new Error(`it did not happen within ${ms} ms`);
      await this.run();
      if (!ask()) await this.world.advance(100);
    }
  }

  /** Turns a witness into one that keeps nothing from now on, says it does, and shows what it had. */
  corrupt(at: number): void {
    const witness = this.witnesses[at];
    assert.ok(witness !== undefined);
    const had = witness.store.log(this.account);
    witness.lie = (message) => {
      const request = decodeLogRequest(message.frame);
      const say = (response: LogResponse): Promise<Message> =>
        Promise.resolve({ frame: encodeLogResponse(response), body: [] });
      switch (request.type) {
        case "witness-append":
          return say({ type: "witnessed", sequence: decodeHead(request.head).head.sequence });
        case "witness-head":
          return say({
            type: "witness-state",
            newest: had.newest === undefined ? undefined : { head: had.newest, first: had.first },
          });
        case "witness-entries":
          return say({ type: "witness-entries", entries: [] });
        default:
          return undefined;
      }
    };
  }

  /** The heads that each witness has; undefined = none. */
  heads(): readonly (SignedHead | undefined)[] {
    return this.witnesses.map(({ store }) => {
      const { newest } = store.log(this.account);
      return newest === undefined ? undefined : decodeHead(newest);
    });
  }

  recoveryOptions(device: Device): RecoveryOptions {
    const accounts = this.#views().map(({ account: of }) => of);
    return { ...device.options, members: () => accounts, witnessesAt: () => accounts };
  }

  /** A new device with the next epoch that has nothing, and what it finds. */
  async recover(): Promise<{ readonly device: Device; readonly decision: RecoveryDecision }> {
    const device = this.device(new MemoryOwnLog(), { epoch: this.deviceKeys.length + 1 });
    const options = this.recoveryOptions(device);
    const decision = await this.settle(recoverHead(options, never));
    if (decision.candidates.length > 0) await this.settle(restoreBest(options, device.ownLog, decision, never));
    return { device, decision };
  }
}
