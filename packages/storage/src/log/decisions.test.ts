import assert from "node:assert/strict";
import { test } from "node:test";
import { ed25519FromSeed, signStatement } from "@piccolo/envelope";
import fc from "fast-check";
import { id, pattern } from "../suites/suite.ts";
import {
  decideAppend,
  decideOwnHead,
  decideRecovery,
  decodeHead,
  type HeadAnswer,
  type HeldLog,
  type LogHead,
  noHash,
  quorumOf,
  sealedHashOf,
  type SignedHead,
  signHead,
  verifyHead,
  witnessedSequence,
} from "./index.ts";

const device = ed25519FromSeed(id(32, 1));
const account = id(32, 50);
const network = id(32, 60);

function make(sequence: number, previous: Uint8Array, change: Partial<LogHead> = {}): SignedHead {
  const sealed = pattern(100, sequence);
  const head: LogHead = {
    kind: "delta",
    network,
    account,
    deviceEpoch: 1,
    keyEpoch: 1,
    sequence,
    previousHash: previous,
    sealedHash: sealedHashOf(sealed),
    sealedBytes: sealed.length,
    schemaVersion: 1,
    checkpoint: 0,
    witnessSet: { logLength: 3, headHash: id(32, 9) },
    timeMs: 1_800_000_000_000,
    ...change,
  };
  return signHead(head, (statement) => signStatement(device, statement));
}

function chain(length: number, before: readonly SignedHead[] = [], change: Partial<LogHead> = {}): SignedHead[] {
  const made = [...before];
  for (let at = 0; at < length; at++) made.push(make(made.length + 1, made.at(-1)?.hash ?? noHash, change));
  return made;
}

const empty: HeldLog = { newest: undefined, first: 1, deviceEpoch: 0, usedBytes: 0 };

function held(entries: readonly SignedHead[], first = 1): HeldLog {
  const newest = entries.at(-1);
  if (newest === undefined) return empty;
  return { newest, first, deviceEpoch: newest.head.deviceEpoch, usedBytes: 100 };
}

function decide(
  entries: readonly SignedHead[],
  entry: SignedHead,
  change: { first?: number; deviceEpoch?: number; askerEpoch?: number; quotaBytes?: number; authentic?: boolean } = {},
): string {
  const first = change.first ?? 1;
  const log = held(entries, first);
  const decision = decideAppend({ ...log, deviceEpoch: change.deviceEpoch ?? log.deviceEpoch }, entry, {
    network,
    asker: { account, deviceEpoch: change.askerEpoch ?? 1 },
    quotaBytes: change.quotaBytes ?? 1e9,
    hashAt: (sequence) => (sequence < first ? undefined : entries[sequence - 1]?.hash),
    isAuthentic: change.authentic ?? true,
  });
  if (decision.type === "refuse") return `${decision.why} ${decision.have}`;
  if (decision.type === "already-have") return decision.type;
  return `accept ${decision.dropBefore} ${decision.dropFrom}`;
}

test("a head that is cut, longer, of another format or contradicts itself is refused", () => {
  const { bytes } = make(1, noHash);
  const isMalformed = { code: "malformed" };
  assert.throws(() => decodeHead(bytes.subarray(1)), isMalformed);
  assert.throws(() => decodeHead(new Uint8Array([...bytes, 0])), isMalformed);
  assert.throws(() => decodeHead(bytes.with(0, 2)), isMalformed);
  assert.throws(() => decodeHead(bytes.with(1, 3)), isMalformed);
  assert.throws(() => decodeHead(bytes.with(1, 2)), isMalformed, "a checkpoint that names none");
  assert.throws(() => decodeHead(bytes.with(80, 1)), isMalformed, "a first entry with one before it");
});

test("a head comes back as it was signed, and any changed bit breaks form or signature", () => {
  const signed = make(7, pattern(32));
  assert.deepEqual(decodeHead(signed.bytes).head, signed.head);
  assert.deepEqual(decodeHead(signed.bytes).hash, signed.hash);
  assert.ok(verifyHead(signed, device.publicKey));
  for (let at = 0; at < signed.bytes.length; at++) {
    let changed: SignedHead;
    try {
      changed = decodeHead(signed.bytes.with(at, (signed.bytes[at] ?? 0) ^ 1));
    } catch {
      continue;
    }
    assert.ok(!verifyHead(changed, device.publicKey), `byte ${at}`);
  }
});

test("two quorums share more witnesses than may lie, and the honest ones alone make one", () => {
  for (let witnesses = 1; witnesses <= 12; witnesses++) {
    const { faulty, quorum } = quorumOf(witnesses);
    assert.ok(2 * quorum - witnesses >= faulty + 1);
    assert.ok(quorum <= witnesses - faulty);
  }
  assert.deepEqual(quorumOf(9), { witnesses: 9, faulty: 2, quorum: 6 });
  assert.deepEqual(quorumOf(0), { witnesses: 0, faulty: 0, quorum: 0 });
});

test("what is witnessed is what a quorum has", () => {
  assert.equal(witnessedSequence([5, 9, 7], quorumOf(3)), 7);
  assert.equal(witnessedSequence([5], quorumOf(3)), 0);
  assert.equal(witnessedSequence([], quorumOf(0)), Number.MAX_SAFE_INTEGER);
});

test("a witness refuses what is not the asker's, of another network, unsigned, fenced, or over its quota", () => {
  const [first = assert.fail()] = chain(1);
  assert.equal(decide([], make(1, noHash, { account: id(32, 51) })), "not-yours 0");
  assert.equal(decide([], make(1, noHash, { network: id(32, 61) })), "wrong-network 0");
  assert.equal(decide([], first, { authentic: false }), "unauthentic 0");
  assert.equal(decide([], make(1, noHash, { deviceEpoch: 2 })), "unauthentic 0");
  assert.equal(decide([], first, { deviceEpoch: 2 }), "fenced 0");
  assert.equal(decide([], first, { quotaBytes: 99 }), "full 0");
});

test("a witness takes the next entry, has an old one already, and refuses gaps and second heads", () => {
  const log = chain(4);
  const [one, two, three, four] = log;
  assert.ok(one && two && three && four);
  assert.equal(decide([], one), "accept 0 1");
  assert.equal(decide([one, two], three), "accept 0 3");
  assert.equal(decide([one, two, three], two), "already-have");
  assert.equal(decide([one, two], four), "log-gap 2");
  assert.equal(decide([], two), "log-gap 0");
  assert.equal(decide([one, two], make(2, one.hash, { timeMs: 1 })), "log-fork 2");
  assert.equal(decide([one, two], make(3, pattern(32))), "log-fork 2");
  assert.equal(decide([one, two], make(3, two.hash, { checkpoint: 1 })), "contradiction 2");
});

test("a gap is jumped by a checkpoint alone, which makes what was before it superfluous", () => {
  const [one, two] = chain(2);
  assert.ok(one && two);
  const checkpoint = make(9, pattern(32), { kind: "checkpoint", checkpoint: 9 });
  assert.equal(decide([one, two], checkpoint), "accept 9 3");
  assert.equal(decide([], checkpoint), "accept 9 9");
  assert.equal(decide([], checkpoint, { quotaBytes: 10 }), "full 0");
});

test("a replacement's entry takes the place of what the old device left unacknowledged, never the other way round", () => {
  const [one, two] = chain(2);
  assert.ok(one && two);
  const replacing = make(2, one.hash, { deviceEpoch: 2 });
  assert.equal(decide([one, two], replacing, { askerEpoch: 2 }), "accept 0 2");
  assert.equal(decide([one, replacing], two, { askerEpoch: 2 }), "log-fork 2");
  assert.equal(decide([one, replacing], make(3, two.hash), { askerEpoch: 2 }), "log-fork 2");
  assert.equal(decide([one, replacing], make(3, replacing.hash), { askerEpoch: 2 }), "log-fork 2");
  assert.equal(decide([one, two], make(3, pattern(32), { deviceEpoch: 2 }), { askerEpoch: 2 }), "log-gap 2");
});

test("entries of an earlier device are taken from its replacement, so that a laggard can be filled", () => {
  const [one, two] = chain(2);
  assert.ok(one && two);
  assert.equal(decide([one], two, { askerEpoch: 2, deviceEpoch: 2 }), "accept 0 2");
});

function answerOf(witness: string, newest: SignedHead | undefined): HeadAnswer {
  return newest === undefined ? { type: "nothing", witness } : { type: "head", witness, newest, first: 1 };
}

function own(log: readonly SignedHead[], answers: readonly HeadAnswer[], witnesses: number, epoch = 1): string {
  const newest = log.at(-1);
  const position = {
    sequence: log.length,
    hash: newest?.hash ?? noHash,
    deviceEpoch: newest?.head.deviceEpoch ?? 0,
    hashAt: (sequence: number) => log[sequence - 1]?.hash,
  };
  return decideOwnHead(position, epoch, answers, quorumOf(witnesses)).type;
}

test("a device goes on only when a quorum has nothing later", () => {
  const log = chain(3);
  const said = (count: number): HeadAnswer[] =>
    Array.from({ length: count }, (_, at) => answerOf(`w${at}`, log[at % 3]));
  assert.equal(own(log, said(5), 9), "not-enough-answers");
  assert.equal(own(log, said(6), 9), "in-step");
  assert.equal(own(log, [], 0), "in-step");
  assert.equal(own([], [answerOf("a", undefined)], 1), "in-step");
});

test("one signed head is enough to show that a device is behind, forked or replaced", () => {
  const log = chain(3);
  const [one, two] = log;
  assert.ok(one && two);
  assert.equal(own([one, two], [answerOf("a", log[2])], 9), "behind");
  assert.equal(own([one, two], [answerOf("a", make(2, one.hash, { timeMs: 1 }))], 9), "forked");
  assert.equal(own(log, [answerOf("a", make(2, one.hash, { timeMs: 1 }))], 9), "forked");
  assert.equal(own(log, [answerOf("a", make(9, pattern(32), { deviceEpoch: 2 }))], 9), "fenced");
});

test("that a device is fenced takes more witnesses than may lie", () => {
  const fenced = (witness: string): HeadAnswer => ({ type: "fenced", witness });
  assert.equal(own(chain(1), [fenced("a"), fenced("b")], 9), "not-enough-answers");
  assert.equal(own(chain(1), [fenced("a"), fenced("b"), fenced("c")], 9), "fenced");
});

test("what a replaced device left behind is no fork for its replacement", () => {
  const before = chain(2);
  const log = [...before, make(3, before[1]?.hash ?? noHash, { deviceEpoch: 2 })];
  const left = chain(2, before);
  assert.equal(own(log, [answerOf("a", left[2])], 1, 2), "in-step");
  assert.equal(own(log, [answerOf("a", left[3])], 1, 2), "in-step");
});

test("a recovery takes the latest head though one witness alone has it, and says when too few answered", () => {
  const log = chain(5);
  const witnesses = Array.from({ length: 9 }, (_, at) => `w${at}`);
  const answers = witnesses.slice(0, 6).map((witness, at) => answerOf(witness, at === 3 ? log[4] : log[at % 3]));
  const sets = [{ witnesses, quorum: quorumOf(9) }];
  const decision = decideRecovery(answers, sets);
  assert.deepEqual(decision.candidates[0]?.newest, log[4]);
  assert.deepEqual(decision.candidates[0]?.from, ["w3"]);
  assert.ok(!decision.mayBeStale && !decision.forked);
  assert.deepEqual(decideRecovery(answers.slice(1), sets).missing, 1);
  assert.ok(decideRecovery([], sets).mayBeStale);
});

test("a later device outweighs more entries, and two heads for one place are a fork", () => {
  const log = chain(5);
  const [one, two] = log;
  assert.ok(one && two);
  const replacing = make(2, one.hash, { deviceEpoch: 2 });
  const decision = decideRecovery([answerOf("a", log[4]), answerOf("b", replacing)], []);
  assert.deepEqual(decision.candidates[0]?.newest, replacing);
  assert.ok(decideRecovery([answerOf("a", two), answerOf("b", make(2, one.hash, { timeMs: 1 }))], []).forked);
});

test("whatever is asked of it, a witness keeps one chain whose newest device never goes back", () => {
  const pick = fc.record({
    sequence: fc.integer({ min: 1, max: 6 }),
    previous: fc.integer({ min: 0, max: 12 }),
    deviceEpoch: fc.integer({ min: 1, max: 3 }),
    checkpoint: fc.boolean(),
    askerEpoch: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(pick, { maxLength: 40 }), (asked) => {
      const made: SignedHead[] = [];
      let kept: SignedHead[] = [];
      let deviceEpoch = 0;
      for (const { sequence, previous, deviceEpoch: epoch, checkpoint, askerEpoch } of asked) {
        const before = made[previous % Math.max(1, made.length)];
        const previousHash = sequence === 1 ? noHash : (before?.hash ?? pattern(32));
        const newestCheckpoint = kept.at(-1)?.head.checkpoint ?? 0;
        const head = make(sequence, previousHash, {
          deviceEpoch: epoch,
          kind: checkpoint ? "checkpoint" : "delta",
          checkpoint: checkpoint ? sequence : Math.min(newestCheckpoint, sequence - 1),
          timeMs: made.length,
        });
        made.push(head);
        const first = kept[0]?.head.sequence ?? 1;
        const newest = kept.at(-1);
        const decision = decideAppend({ newest, first, deviceEpoch, usedBytes: 0 }, head, {
          network,
          asker: { account, deviceEpoch: askerEpoch },
          quotaBytes: 1e9,
          hashAt: (at) => kept.find((entry) => entry.head.sequence === at)?.hash,
          isAuthentic: true,
        });
        if (decision.type !== "accept") continue;
        assert.ok(askerEpoch >= deviceEpoch && epoch >= (newest?.head.deviceEpoch ?? 0));
        deviceEpoch = Math.max(deviceEpoch, askerEpoch);
        kept = kept.filter(
          ({ head: { sequence: at } }) => at >= decision.dropBefore && at < decision.dropFrom && at !== sequence,
        );
        kept.push(head);
        for (const [at, entry] of kept.entries()) {
          const prior = kept[at - 1];
          if (prior === undefined) continue;
          assert.equal(entry.head.sequence, prior.head.sequence + 1);
          assert.deepEqual(entry.head.previousHash, prior.hash);
        }
      }
    }),
  );
});
