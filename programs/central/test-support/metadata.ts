/** Entries of a metadata log as a device makes them, right and wrong ones; their payload means nothing. */
import type { VaultEntry } from "@piccolo/central-api";
import { type Ed25519Key, signStatement } from "@piccolo/envelope";
import { type LogHead, noHash, sealedHashOf, type SignedHead, signHead } from "@piccolo/storage/log";
import type { World } from "@piccolo/world";

export interface MadeEntry extends VaultEntry {
  readonly signed: SignedHead;
}

/** A device's log: each entry follows the one before, or whatever `changed` says. */
export class MetadataAuthor {
  readonly entries: MadeEntry[] = [];
  readonly #world: World;
  readonly #account: Uint8Array;
  readonly #network: Uint8Array;
  deviceKey: Ed25519Key;
  deviceEpoch: number;

  constructor(p: {
    readonly world: World;
    readonly account: Uint8Array;
    readonly network: Uint8Array;
    readonly deviceKey: Ed25519Key;
    readonly deviceEpoch?: number;
    readonly before?: readonly MadeEntry[];
  }) {
    this.#world = p.world;
    this.#account = p.account;
    this.#network = p.network;
    this.deviceKey = p.deviceKey;
    this.deviceEpoch = p.deviceEpoch ?? 1;
    this.entries.push(...(p.before ?? []));
  }

  /** Makes an entry without taking it into the log. */
  draft(sealedBytes = 1_024, changed: Partial<LogHead> = {}): MadeEntry {
    const newest = this.entries.at(-1)?.signed;
    const sequence = changed.sequence ?? (newest?.head.sequence ?? 0) + 1;
    const sealed = this.#world.randomBytes(sealedBytes);
    const head: LogHead = {
      kind: "delta",
      network: this.#network,
      account: this.#account,
      deviceEpoch: this.deviceEpoch,
      keyEpoch: 1,
      sequence,
      previousHash: sequence === 1 ? noHash : (newest?.hash ?? this.#world.randomBytes(32)),
      sealedHash: sealedHashOf(sealed),
      sealedBytes: sealed.length,
      schemaVersion: 1,
      checkpoint: changed.kind === "checkpoint" ? sequence : (newest?.head.checkpoint ?? 0),
      witnessSet: { logLength: 1, headHash: noHash },
      timeMs: this.#world.nowMs(),
      ...changed,
    };
    const signed = signHead(head, (statement) => signStatement(this.deviceKey, statement));
    return { head: signed.bytes, sealed, signed };
  }

  add(sealedBytes = 1_024, changed: Partial<LogHead> = {}): MadeEntry {
    const entry = this.draft(sealedBytes, changed);
    this.entries.push(entry);
    return entry;
  }
}

/** What goes over the wire. */
export const bare = ({ head, sealed }: VaultEntry): VaultEntry => ({ head, sealed });
