import { createHash } from "node:crypto";
import { centralFaults, type VaultEntry, type VaultPage } from "@piccolo/central-api";
import {
  type AppendRefusal,
  decideAppend,
  decodeHead,
  isSealedOf,
  type SignedHead,
  verifyHead,
} from "@piccolo/storage/log";
import type { Accounts } from "../accounts/accounts.ts";
import type { Caller } from "../accounts/types.ts";
import type { Database } from "../db/database.ts";
import type { Limits } from "../limits.ts";
import type { BodyFiles } from "./body-files.ts";
import type { EntryRow, VaultStore } from "./store.ts";

/** Bodies up to this lie in their row: a delta of a few kilobytes is worth no file of its own. */
const rowBytesMax = 65_536;

export interface VaultView {
  readonly sequence: number;
  readonly first: number;
  readonly head: Uint8Array | undefined;
  readonly usedBytes: number;
  readonly quotaBytes: number;
}

function refusal(why: AppendRefusal, have: number, sequence: number): Error {
  const details = { have, sequence };
  switch (why) {
    case "not-yours":
      return centralFaults.fault("account-mismatch", "the head is of another account");
    case "wrong-network":
      return centralFaults.fault("head-refused", "the head is of another network", { details });
    case "unauthentic":
      return centralFaults.fault(
        "head-refused",
        `entry ${sequence} is not signed by the account's device of its epoch, or its payload is another one`,
        { details },
      );
    case "fenced":
      return centralFaults.fault("device-fenced", "a device with a higher device epoch has written here", { details });
    case "log-gap":
      return centralFaults.fault("vault-gap", `central has entries up to ${have}: bring those after it first`, {
        details,
      });
    case "log-fork":
    case "contradiction":
      return centralFaults.fault("vault-conflict", `central keeps another entry in the place of ${sequence}`, {
        details,
      });
    case "full":
      break;
  }
  return centralFaults.fault("quota-reached", "the account's share of central is full: make a checkpoint first", {
    details: { ...details, what: "entry-bytes" },
  });
}

/**
 * What central keeps of its accounts' metadata, by the same rules as a witness, and counting for none: it checks form,
 * order and the device's signature, and can say nothing about what is inside.
 */
export class Vault {
  readonly #database: Database;
  readonly #store: VaultStore;
  readonly #files: BodyFiles;
  readonly #accounts: Accounts;
  readonly #limits: Limits;

  constructor(p: {
    readonly database: Database;
    readonly store: VaultStore;
    readonly files: BodyFiles;
    readonly accounts: Accounts;
    readonly limits: Limits;
  }) {
    this.#database = p.database;
    this.#store = p.store;
    this.#files = p.files;
    this.#accounts = p.accounts;
    this.#limits = p.limits;
    this.#files.sweep((name) => this.#store.isNamed(name));
  }

  state(account: Uint8Array, network: Uint8Array): VaultView {
    const newest = this.#store.newest(account, network);
    const { entryBytes, blobBytes } = this.#store.usage(account);
    return {
      sequence: newest?.sequence ?? 0,
      first: this.#store.first(account, network),
      head: newest?.head,
      usedBytes: entryBytes + blobBytes,
      quotaBytes: this.#limits.vaultEntryBytes + this.#limits.vaultBlobBytes,
    };
  }

  /** Takes entries one by one; those before a refused one stay. Throws `malformed` and what `refusal` makes. */
  append(caller: Caller, network: Uint8Array, entries: readonly VaultEntry[]): VaultView {
    for (const entry of entries) this.#appendOne(caller, network, entry);
    return this.state(caller.account, network);
  }

  /** Whether the device of the head's epoch signed it; central knows the current one and those it replaced. */
  #isAuthentic(account: Uint8Array, signed: SignedHead, sealed: Uint8Array): boolean {
    const deviceKey = this.#accounts.deviceKeyOf(account, signed.head.deviceEpoch);
    return deviceKey !== undefined && isSealedOf(signed, sealed) && verifyHead(signed, deviceKey);
  }

  #appendOne({ account, deviceEpoch }: Caller, network: Uint8Array, { head, sealed }: VaultEntry): void {
    const signed = decodeHead(head);
    const isAuthentic = this.#isAuthentic(account, signed, sealed);
    const { sequence } = signed.head;
    let written: string | undefined;
    let dropped: readonly string[] = [];
    try {
      this.#database.transaction(() => {
        const newest = this.#store.newest(account, network);
        const usage = this.#store.usage(account);
        const decision = decideAppend(
          {
            newest: newest === undefined ? undefined : decodeHead(newest.head),
            first: this.#store.first(account, network),
            deviceEpoch: newest === undefined ? 0 : decodeHead(newest.head).head.deviceEpoch,
            usedBytes: usage.entryBytes,
          },
          signed,
          {
            network,
            asker: { account, deviceEpoch },
            quotaBytes: this.#limits.vaultEntryBytes,
            hashAt: (at) => this.#store.hashAt(account, network, at),
            isAuthentic,
          },
        );
        if (decision.type === "refuse") throw refusal(decision.why, decision.have, sequence);
        if (decision.type === "already-have") {
          this.#checkSame(account, network, signed);
          return;
        }
        dropped = this.#store.dropEntries(account, network, decision.dropBefore, decision.dropFrom);
        if (this.#store.usage(account).entries >= this.#limits.vaultEntries) {
          throw centralFaults.fault("quota-reached", "central keeps no more entries: make a checkpoint first", {
            details: { what: "entries", limit: this.#limits.vaultEntries },
          });
        }
        this.#checkTotal(signed.bytes.length + sealed.length);
        const isSmall = sealed.length <= rowBytesMax;
        written = isSmall ? undefined : this.#files.write(sealed);
        const row: EntryRow = {
          sequence,
          hash: signed.hash,
          head: signed.bytes,
          sizeBytes: signed.bytes.length + sealed.length,
          body: isSmall ? sealed : undefined,
          file: written,
        };
        this.#store.insertEntry(account, network, row);
      });
    } catch (error) {
      if (written !== undefined) this.#files.remove(written);
      throw error;
    }
    for (const file of dropped) this.#files.remove(file);
  }

  /** Whatever single accounts may have, the disk is one. */
  #checkTotal(moreBytes: number): void {
    const { vaultTotalBytes: limit } = this.#limits;
    if (this.#store.totalBytes() + moreBytes <= limit) return;
    throw centralFaults.fault("quota-reached", "central has no room left for anybody: its operator has to make some", {
      details: { what: "total-bytes", limit },
    });
  }

  /** An entry that a checkpoint has made superfluous may be any; one in a place that is kept is the very same. */
  #checkSame(account: Uint8Array, network: Uint8Array, { head, hash }: SignedHead): void {
    const there = this.#store.hashAt(account, network, head.sequence);
    if (there === undefined || Buffer.compare(there, hash) === 0) return;
    throw refusal("log-fork", this.#store.newest(account, network)?.sequence ?? 0, head.sequence);
  }

  read(account: Uint8Array, network: Uint8Array, from: number): VaultPage {
    const { vaultPageBytes, vaultPageEntries } = this.#limits;
    const entries: VaultEntry[] = [];
    let bytes = 0;
    // Rows hold small bodies only, so asking for a whole page of them is bounded too.
    for (const row of this.#store.entries(account, network, from, vaultPageEntries)) {
      bytes += row.sizeBytes;
      if (entries.length > 0 && bytes > vaultPageBytes) break;
      const sealed = row.file === undefined ? row.body : this.#files.read(row.file);
      if (sealed === undefined) throw new Error("an entry has neither a body nor a file");
      entries.push({ head: row.head, sealed });
    }
    const newest = this.#store.newest(account, network)?.sequence ?? 0;
    return { first: this.#store.first(account, network), newest, entries };
  }

  /** Throws `vault-conflict`, `quota-reached`. */
  putBlob(account: Uint8Array, id: Uint8Array, bytes: Uint8Array): void {
    if (bytes.length === 0) throw centralFaults.fault("malformed", "the segment has no bytes");
    const hash = new Uint8Array(createHash("sha256").update(bytes).digest());
    let written: string | undefined;
    try {
      this.#database.transaction(() => {
        const known = this.#store.blob(account, id);
        if (known !== undefined) {
          if (Buffer.compare(known.hash, hash) === 0) return;
          throw centralFaults.fault("vault-conflict", "other bytes lie under this id: a segment never changes");
        }
        const { blobs, blobBytes } = this.#store.usage(account);
        const { vaultBlobs, vaultBlobBytes } = this.#limits;
        const isFull = blobs >= vaultBlobs;
        if (isFull || blobBytes + bytes.length > vaultBlobBytes) {
          throw centralFaults.fault("quota-reached", "the account's share of central is full: delete old segments", {
            details: isFull ? { what: "blobs", limit: vaultBlobs } : { what: "blob-bytes", limit: vaultBlobBytes },
          });
        }
        this.#checkTotal(bytes.length);
        written = this.#files.write(bytes);
        this.#store.insertBlob(account, { id, sizeBytes: bytes.length, hash, file: written });
      });
    } catch (error) {
      if (written !== undefined) this.#files.remove(written);
      throw error;
    }
  }

  /** Throws `unknown-blob`. */
  getBlob(account: Uint8Array, id: Uint8Array): Uint8Array {
    const blob = this.#store.blob(account, id);
    if (blob === undefined) throw centralFaults.fault("unknown-blob", "central keeps no such segment of this account");
    return this.#files.read(blob.file);
  }

  listBlobs(account: Uint8Array): readonly { readonly id: Uint8Array; readonly sizeBytes: number }[] {
    return this.#store.blobs(account);
  }

  deleteBlob(account: Uint8Array, id: Uint8Array): void {
    const blob = this.#store.blob(account, id);
    if (blob === undefined) return;
    this.#store.deleteBlob(account, id);
    this.#files.remove(blob.file);
  }
}
