/**
 * The owner's engine without disks and networks: sealing, coding, hashing, Merkle roots, framing and placement on the
 * way out; checking, rebuilding and opening on the way back, with as many data fragments lost as the code allows.
 */
import { randomBytes } from "node:crypto";
import { realWorld } from "@piccolo/world/real";
import { toHex } from "@piccolo/bytes";
import { deriveOwnerKeys } from "@piccolo/envelope";
import { MemoryMetadata, CrashDisk } from "@piccolo/storage/fakes";
import { cellBytes, decodeHeader, type FragmentHash } from "@piccolo/storage/fragment";
import { createOwnerEngine, type OwnerEngine, WireHolderClient } from "@piccolo/storage/owner";
import { fixedPolicy } from "@piccolo/storage/policy";
import { type HolderView, type Members, type PeerTransport, transportFaults } from "@piccolo/storage/ports";
import { decodeRequest, encodeResponse } from "@piccolo/wire";
import { createBlake3 } from "../programs/piccolod/src/adapters/fragment-hash.ts";
import { aesTurn } from "./aes.ts";
import { cpuSeconds, type Figure, formatNumber, median, megabyte, type Report } from "./harness.ts";

const rounds = 5;
const contentBytes = 192 * 1024 * 1024;
const pieceBytes = 64 * 1024;
const never = new AbortController().signal;

interface StoredFragment {
  readonly index: number;
  readonly headerBytes: Uint8Array;
  readonly body: Uint8Array;
  leaves: readonly Uint8Array[];
}

/** Memory that was touched before: what the system spends on fresh pages belongs to no engine. */
class Arena {
  readonly #bytes: Uint8Array;
  #used = 0;

  constructor(sizeBytes: number) {
    this.#bytes = new Uint8Array(sizeBytes).fill(1);
  }

  take(length: number): Uint8Array {
    this.#used += length;
    return this.#bytes.subarray(this.#used - length, this.#used);
  }

  clear(): void {
    this.#used = 0;
  }
}

/** Nine holders that keep what they are given; what they would spend on checking and disks is not the owner's. */
class MemoryHolders {
  readonly arena: Arena;
  readonly fragments = new Map<string, StoredFragment>();
  lost = new Set<number>();

  constructor(arena: Arena) {
    this.arena = arena;
    arena.clear();
  }

  readonly transport: PeerTransport = {
    request: (peer, { frame, body }) => {
      const request = decodeRequest(frame);
      const holder = toHex(peer.deviceKey);
      if (request.type === "store") {
        const { key, fragmentBytes } = decodeHeader(request.headerBytes);
        const bytes = this.arena.take(fragmentBytes);
        let at = 0;
        for (const piece of body) {
          bytes.set(piece, at);
          at += piece.length;
        }
        const fragment = { index: key.index, headerBytes: request.headerBytes, body: bytes, leaves: [] };
        this.fragments.set(`${holder}/${toHex(key.segmentId)}`, fragment);
        return Promise.resolve({ frame: encodeResponse({ type: "stored" }), body: [] });
      }
      if (request.type !== "fetch") throw new Error(`an engine at work sends no ${request.type}`);
      const stored = this.fragments.get(`${holder}/${toHex(request.segmentId)}`);
      if (stored === undefined || this.lost.has(stored.index)) {
        return Promise.reject(transportFaults.fault("peer-unreachable", "the holder is lost"));
      }
      const start = request.firstCell * cellBytes;
      const cells = stored.body.subarray(start, start + request.cellCount * cellBytes);
      const { headerBytes, leaves } = stored;
      const reply = encodeResponse({ type: "cells", headerBytes, leaves, bodyBytes: cells.length });
      return Promise.resolve({ frame: reply, body: [cells] });
    },
  };

  /** What real holders computed when they stored. */
  hashLeaves(hash: FragmentHash): void {
    for (const fragment of this.fragments.values()) {
      fragment.leaves = Array.from({ length: Math.ceil(fragment.body.length / cellBytes) }, (_, cell) =>
        hash(fragment.body.subarray(cell * cellBytes, (cell + 1) * cellBytes)),
      );
    }
  }
}

interface Setup {
  readonly engine: OwnerEngine;
  readonly holders: MemoryHolders;
  readonly hash: FragmentHash;
}

async function setUp(code: { readonly k: number; readonly n: number }, arena: Arena): Promise<Setup> {
  const { hash } = await createBlake3();
  const keys = deriveOwnerKeys(new Uint8Array(32).fill(1), 1);
  const holders = new MemoryHolders(arena);
  const views = Array.from({ length: code.n }, (_, at): HolderView => {
    const account = toHex(new Uint8Array(32).fill(at + 1));
    const deviceKey = new Uint8Array(32).fill(at + 1);
    const facts = { name: account, addresses: [], online: true, lastSeenMs: realWorld.nowMs(), roundTripMs: 1 };
    return { ...facts, account, deviceKey, domain: account };
  });
  const members: Members = { holders: () => views, onChange: () => () => undefined };
  const { transport } = holders;
  const engine = await createOwnerEngine({
    codec: { account: keys.account, maskKey: keys.metadataKey(), hash },
    keys: () => keys,
    sealFek: (fek, versionId) => ({ wrappedFek: keys.wrapFek(fek, versionId), fekEpoch: keys.epoch }),
    world: realWorld,
    metadata: new MemoryMetadata(),
    members,
    holderClient: new WireHolderClient({ ownAccount: keys.account, transport, members, hash }),
    spoolDisk: new CrashDisk(),
    spoolLimitBytes: 0,
    policy: fixedPolicy(code),
    ownDomain: "home",
    memoryLimitBytes: 96 * 1024 * 1024,
    events: { committed: () => undefined, placementChanged: () => undefined },
    crashPoint: () => undefined,
    report: () => undefined,
  });
  return { engine, holders, hash };
}

async function write({ engine }: Setup, content: Uint8Array): Promise<Uint8Array> {
  const { versionId } = engine.beginVersion();
  const writer = engine.writer(versionId, never);
  for (let at = 0; at < content.length; at += pieceBytes) await writer.write(content.subarray(at, at + pieceBytes));
  await writer.finish();
  engine.completeVersion(versionId, content.length);
  return versionId;
}

async function read({ engine }: Setup, versionId: Uint8Array, content: Uint8Array): Promise<void> {
  let at = 0;
  for await (const part of engine.read(versionId, { start: 0, end: content.length }, never)) {
    // A look at each piece's ends keeps the reading honest at no cost that counts.
    if (part[0] !== content[at] || part.at(-1) !== content[at + part.length - 1]) throw new Error("read back wrong");
    at += part.length;
  }
  if (at !== content.length) throw new Error("read back too little");
}

async function rateOf(work: () => Promise<unknown>): Promise<number> {
  const start = cpuSeconds();
  await work();
  return contentBytes / megabyte / (cpuSeconds() - start);
}

export async function run(): Promise<Report> {
  const content = randomBytes(contentBytes);
  const codes = [
    { k: 6, n: 9, name: "" },
    { k: 3, n: 9, name: "3of9" },
  ];
  const arena = new Arena(contentBytes * 3.5);
  const rates: Record<string, number[]> = {};
  const note = (name: string, rate: number): void => {
    (rates[name] ??= []).push(rate);
  };
  const aes = aesTurn();
  for (let round = 0; round <= rounds; round++) {
    const counted = round > 0 ? note : (): void => undefined;
    counted("aes", aes());
    for (const { name, ...code } of codes) {
      const setup = await setUp(code, arena);
      let versionId = new Uint8Array(0);
      counted(`write${name}`, await rateOf(async () => (versionId = new Uint8Array(await write(setup, content)))));
      setup.holders.hashLeaves(setup.hash);
      counted(`read${name}`, await rateOf(() => read(setup, versionId, content)));
      // Three data fragments are gone: fragment i of every segment, whoever holds it.
      setup.holders.lost = new Set([0, 1, 2].slice(0, code.n - code.k));
      counted(`degradedRead${name}`, await rateOf(() => read(setup, versionId, content)));
      await setup.engine.stop();
    }
    counted("aes", aes());
  }
  const of = (name: string): number => median(rates[name] ?? []);
  const beside = `AES-256-GCM ${formatNumber(of("aes"))} MB per CPU second`;
  const ratio = (key: string, name: string, atLeast?: number): Figure => ({
    key,
    value: of(name) / of("aes"),
    unit: "ratio",
    reference: beside,
    ...(atLeast === undefined ? {} : { goal: { atLeast } }),
  });
  const rate = (name: string, key: string): Figure => ({ key, value: of(name), unit: "MB/CPU s", reference: beside });
  return {
    about: `${contentBytes / 2 ** 20} MiB, 6-of-9 and 3-of-9, three data fragments lost, median of ${rounds}`,
    figures: [
      ratio("writeVsAes", "write", 0.2),
      ratio("readVsAes", "read"),
      ratio("degradedReadVsAes", "degradedRead", 0.28),
      rate("write", "writeMBPerCpuSecond"),
      rate("read", "readMBPerCpuSecond"),
      rate("degradedRead", "degradedReadMBPerCpuSecond"),
      ratio("write3of9VsAes", "write3of9"),
      ratio("degradedRead3of9VsAes", "degradedRead3of9"),
    ],
    notes: ["the holders keep fragments in memory and are not charged for checking them"],
  };
}
