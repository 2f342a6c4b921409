import { equalConstantTime } from "@piccolo/bytes";
import type { SecurityBackup } from "@piccolo/device-api";
import { type Ed25519Key, encodeStatement } from "@piccolo/envelope";
import { decodeHead, witnessesOf } from "@piccolo/storage/log";
import {
  type CheckpointStore,
  createMetadataLog,
  type FlushResult,
  type MetadataLog,
  type MetadataLogCrashPoint,
  WireWitnessClient,
  type WitnessView,
} from "@piccolo/storage/metadata-log";
import type { WitnessClient } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import type { SqliteOwnLog } from "../db/own-log.ts";
import type { NetworkFeature } from "../network/types.ts";
import type { Settling } from "../recovery/settling.ts";
import { recoveryFaults } from "../recovery/types.ts";
import type { Identity } from "../security/identity.ts";
import { backupFaults } from "./faults.ts";
import { backupView, noBackup, staleBackup } from "./view.ts";

/** With fewer witnesses online than a quorum has, nobody waits long for them. */
const hopelessMs = 2_000;

export interface BackupOptions {
  readonly ownLog: SqliteOwnLog;
  readonly network: NetworkFeature;
  readonly deviceKey: Ed25519Key;
  /** As it is now: a re-key changes it. */
  readonly identity: () => Identity;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly crashPoint: (name: MetadataLogCrashPoint) => void;
  /** Called after every change of what `view` says about the state. */
  readonly changed: () => void;
  /** What a recovery left open. */
  readonly settling: Pick<Settling, "staleness" | "accepted">;
}

/** The owner's changes on their way to the witnesses, and whether the owner's content may be changed at all. */
export class Backup {
  readonly #options: BackupOptions;
  #log: MetadataLog | undefined;
  #client: WitnessClient | undefined;
  #ready = Promise.withResolvers<undefined>();
  #wasReady = false;

  constructor(options: BackupOptions) {
    this.#options = options;
  }

  /** Begins once membership is loaded. `work` begins with the first moment at which something may be committed. */
  open(checkpoints: CheckpointStore, work: () => void): void {
    const { network, ownLog, deviceKey, identity, world, report, crashPoint } = this.#options;
    const { account, certificate } = identity();
    const { deviceEpoch } = certificate;
    this.#client = new WireWitnessClient({
      ownAccount: account,
      networkId: () => network.membershipState()?.networkId ?? new Uint8Array(32),
      transport: network.transport,
      members: network.members,
    });
    const log = createMetadataLog({
      account,
      ownLog,
      identity: { account, deviceEpoch, sign: (statement) => deviceKey.sign(encodeStatement(statement)) },
      witnessClient: this.#client,
      deviceKeyOf: (epoch) =>
        network.deviceKeyOf(account, epoch) ?? (epoch === deviceEpoch ? deviceKey.publicKey : undefined),
      isReplaced: () => this.replacedAtMs !== undefined,
      isAccepted: () => this.#options.settling.accepted,
      keyEpoch: () => identity().epoch,
      metadataKey: (epoch) => metadataKeyOf(identity(), epoch),
      network: () => {
        const state = network.membershipState();
        if (state === undefined) return undefined;
        return { id: state.networkId, logLength: state.length, headHash: state.headHash };
      },
      witnesses: () => this.witnesses(),
      onMembersChange: (listener) => network.onChange(listener),
      checkpoints,
      vault: network.vault((sequence, hash) => {
        const [entry] = ownLog.entries(sequence, 1);
        return entry?.sequence === sequence && equalConstantTime(entry.hash, hash);
      }),
      world,
      report,
      crashPoint,
    });
    this.#log = log;
    log.onChange(() => {
      if (log.ready && !this.#wasReady) {
        this.#wasReady = true;
        work();
      }
      if (log.ready) this.#ready.resolve(undefined);
      this.#options.changed();
    });
    log.start();
  }

  async stop(): Promise<void> {
    await this.#log?.stop();
  }

  /** Who witnesses, in the order of the membership log. */
  witnesses(): readonly WitnessView[] {
    const { network, identity } = this.#options;
    const state = network.membershipState();
    if (state === undefined) return [];
    const online = new Set(network.members.holders().flatMap(({ account, online: is }) => (is ? [account] : [])));
    return witnessesOf(state, identity().account).map(({ account }) => {
      const id = account.toHex();
      return { account: id, online: online.has(id) };
    });
  }

  /** Throws before the backup is open. */
  get client(): WitnessClient {
    if (this.#client === undefined) throw checking();
    return this.#client;
  }

  /** When another device took this one's place, by the membership log; undefined while it has it. */
  get replacedAtMs(): number | undefined {
    const { network, identity } = this.#options;
    return network.replacedAtMs(identity().account);
  }

  /** Whether something may be committed to the owner's database. */
  get mayCommit(): boolean {
    return this.#log?.ready === true;
  }

  /** Throws `backup-checking` where it takes longer than the limit, and what never goes away at once. */
  async untilReady(limitMs: number, signal: AbortSignal): Promise<void> {
    if (this.mayCommit) return;
    this.#refuseForGood();
    const over = new AbortController();
    const limited = AbortSignal.any([signal, over.signal]);
    const log = this.#log;
    const { world } = this.#options;
    const settled = Promise.withResolvers<undefined>();
    const stop = log?.onChange(() => {
      if (log.ready || log.state === "forked" || log.state === "fenced") settled.resolve(undefined);
    });
    try {
      await Promise.race([this.#ready.promise, settled.promise, world.sleep(limitMs, limited).catch(() => undefined)]);
    } finally {
      stop?.();
      over.abort();
    }
    signal.throwIfAborted();
    if (this.mayCommit) return;
    this.#refuseForGood();
    throw checking();
  }

  #refuseForGood(): void {
    if (this.#options.settling.staleness !== undefined) {
      throw recoveryFaults.fault(
        "recovery-stale",
        "too few members have answered for the newest state: wait for more, or accept what was found",
      );
    }
    const state = this.#log?.state;
    if (state === "fenced") {
      throw backupFaults.fault("device-replaced", "another device took this one's place: use that one");
    }
    if (state === "forked") {
      throw backupFaults.fault("backup-forked", "the other members witnessed other changes than this device has");
    }
  }

  /** Whether everything committed before the call is with a quorum, after a bounded wait. */
  async flush(): Promise<FlushResult> {
    const log = this.#log;
    if (log === undefined) return { witnessed: true };
    const witnesses = this.witnesses();
    const enough = witnesses.filter(({ online }) => online).length >= log.view().quorum;
    const flushed = log.flush(new AbortController().signal);
    if (enough) return flushed;
    const over = new AbortController();
    const late = this.#options.world.sleep(hopelessMs, over.signal).then(
      (): FlushResult => ({ witnessed: false, reason: "late" }),
      (): FlushResult => ({ witnessed: false, reason: "stopped" }),
    );
    const result = await Promise.race([flushed, late]);
    over.abort();
    return result;
  }

  /** Makes a checkpoint under the newest key, unless what is newest is one. Throws what storing throws. */
  async checkpoint(signal: AbortSignal): Promise<void> {
    await this.untilReady(0, signal);
    await this.#log?.checkpoint(signal);
  }

  /** The newest checkpoint: its key epoch, 0 = there is none; undefined while the log has no entry at all. */
  newestCheckpoint(): { readonly keyEpoch: number; readonly isWitnessed: boolean } | undefined {
    const { sequence, checkpoint, witnessed } = this.#options.ownLog.position();
    if (sequence === 0) return undefined;
    const keyEpoch = checkpoint === 0 ? 0 : this.#keyEpochFrom(checkpoint);
    return { keyEpoch, isWitnessed: witnessed >= checkpoint };
  }

  /** Whether entries are kept that were sealed under the key of an earlier epoch than the newest. */
  get needsFormerKeys(): boolean {
    return this.#keyEpochFrom(1) < this.#options.identity().epoch;
  }

  /** Key epoch of the first entry kept from a sequence on; the newest where there is none. */
  #keyEpochFrom(sequence: number): number {
    const [entry] = this.#options.ownLog.entries(sequence, 1);
    return entry === undefined ? this.#options.identity().epoch : decodeHead(entry.head).head.keyEpoch;
  }

  /** Called after every change of the log's state. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    return this.#log?.onChange(listener) ?? (() => undefined);
  }

  /** What the status says of it, for who is not signed in, too. */
  reasons(): { readonly code: string; readonly detail: string }[] {
    switch (this.#log?.state) {
      case "fenced":
        return [{ code: "device-replaced", detail: "Another device took this one's place." }];
      case "forked":
        return [{ code: "backup-forked", detail: "The other members witnessed other changes than this device has." }];
      case "no-quorum":
        return [{ code: "backup-checking", detail: "Too few of the other members have answered since the start." }];
      default:
        return [];
    }
  }

  view(): SecurityBackup {
    const { network, ownLog, world, settling } = this.#options;
    const view = this.#log?.view();
    if (view === undefined) return settling.staleness === undefined ? noBackup : staleBackup(ownLog.position());
    const { witnessedSequence: witnessed } = view;
    const [newest] = witnessed === 0 ? [] : ownLog.entries(witnessed, 1);
    return backupView({
      view,
      inNetwork: network.membershipState() !== undefined,
      names: new Map(network.members.holders().map(({ account, name }) => [account, name])),
      newestWitnessedMs: newest?.sequence === witnessed ? decodeHead(newest.head).head.timeMs : undefined,
      nowMs: world.nowMs(),
    });
  }
}

function checking(): Error {
  return backupFaults.fault("backup-checking", "too few of the other members have answered yet; try again in a moment");
}

function metadataKeyOf({ epoch, metadataKey, formerMetadataKeys }: Identity, asked: number): Uint8Array | undefined {
  return asked === epoch ? metadataKey : formerMetadataKeys.find((former) => former.epoch === asked)?.key;
}
