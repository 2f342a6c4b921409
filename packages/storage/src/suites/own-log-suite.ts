import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { concat } from "@piccolo/bytes";
import type { OwnLog, StoredEntry } from "../ports/index.ts";
import { type Make, pattern } from "./suite.ts";

/** A log with the means to change its content: `write` is one commit, `content` all rows in an order of their own. */
export interface OwnLogUnderTest {
  readonly log: OwnLog;
  /** Sets, or with undefined removes, the value under a key. */
  write(key: string, value: string | undefined): void;
  content(): unknown;
  /** Closes the log and opens it again, as after a crash. */
  reopen(): OwnLog;
}

const unlimited = 1 << 24;

/** An entry after the position, with bytes that tell it from others. */
function entryAfter(log: OwnLog, kind: StoredEntry["kind"] = "delta", sealed = pattern(100)): StoredEntry {
  const sequence = log.position().sequence + 1;
  return { sequence, kind, head: pattern(200, sequence), sealed, hash: pattern(32, sequence), deviceEpoch: 1 };
}

interface Made {
  readonly entry: StoredEntry;
  readonly payload: Uint8Array;
  readonly digest: Uint8Array;
}

function append(log: OwnLog, limitBytes = unlimited): Made {
  let made: { readonly payload: Uint8Array; readonly digest: Uint8Array } | undefined;
  const entry = log.append(limitBytes, (changes) => {
    made = { payload: changes.payload.slice(), digest: changes.digest.slice() };
    return entryAfter(log);
  });
  assert.ok(entry !== undefined && made !== undefined);
  return { entry, ...made };
}

async function* each(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield piece;
}

function snapshotOf(log: OwnLog): { readonly digest: Uint8Array; readonly pieces: readonly Uint8Array[] } {
  const snapshot = log.snapshot();
  const pieces = Array.from(snapshot.pieces(), (piece) => piece.slice());
  snapshot.close();
  return { digest: snapshot.digest, pieces };
}

export function ownLogSuite(name: string, make: Make<OwnLogUnderTest>): void {
  suite(`${name} as an owner's log`, () => {
    test("an empty log has no entry, nothing waits, and nothing is appended", async (context) => {
      const { log } = await make(context);
      const zero = new Uint8Array(32);
      assert.deepEqual(log.position(), { sequence: 0, hash: zero, deviceEpoch: 0, checkpoint: 0, witnessed: 0 });
      assert.equal(log.waiting, false);
      assert.equal(
        log.append(unlimited, () => assert.fail("nothing waits")),
        undefined,
      );
      assert.deepEqual(log.entries(1, unlimited), []);
    });

    test("a commit waits, is announced, and becomes an entry that stays after a restart", async (context) => {
      const it = await make(context);
      let heard = 0;
      const stop = it.log.onCommit(() => heard++);
      it.write("a", "1");
      stop();
      it.write("b", "2");
      assert.equal(heard, 1);
      assert.ok(it.log.waiting);
      const { entry } = append(it.log);
      assert.ok(!it.log.waiting);
      const log = it.reopen();
      assert.deepEqual(log.entries(1, unlimited), [entry]);
      assert.deepEqual(log.position(), {
        sequence: 1,
        hash: entry.hash,
        deviceEpoch: 1,
        checkpoint: 0,
        witnessed: 0,
      });
    });

    test("what waits still waits after a restart, and when an entry could not be made", async (context) => {
      const it = await make(context);
      it.write("a", "1");
      assert.throws(
        () =>
          it.log.append(unlimited, () => {
            throw new RangeError("no entry");
          }),
        RangeError,
      );
      assert.ok(it.log.waiting);
      const log = it.reopen();
      assert.ok(log.waiting);
      assert.equal(log.position().sequence, 0);
      assert.equal(append(log).entry.sequence, 1);
    });

    test("a checkpoint that is wanted stays due over a restart, until one is made", async (context) => {
      const it = await make(context);
      assert.equal(it.log.checkpointDue, false);
      it.log.wantCheckpoint();
      it.write("a", "1");
      append(it.log);
      const log = it.reopen();
      assert.ok(log.checkpointDue);
      log.appendCheckpoint(() => entryAfter(log, "checkpoint"));
      assert.equal(it.reopen().checkpointDue, false);
    });

    test("a limit takes whole commits, the first one always", async (context) => {
      const it = await make(context);
      for (const key of ["a", "b", "c"]) it.write(key, key.repeat(500));
      const first = append(it.log, 1);
      assert.ok(it.log.waiting);
      const others = append(it.log, unlimited);
      assert.ok(!it.log.waiting);
      assert.ok(others.payload.length > first.payload.length);
    });

    test("changes applied elsewhere give the same content and the same digests", async (context) => {
      const [from, to] = [await make(context), await make(context)];
      const made: Made[] = [];
      for (const [key, value] of [
        ["a", "1"],
        ["b", "2"],
        ["a", "3"],
        ["b", undefined],
        ["c", "4"],
      ] as const) {
        from.write(key, value);
        made.push(append(from.log));
      }
      for (const { entry, payload, digest } of made) to.log.apply(entry, payload, digest);
      assert.deepEqual(to.content(), from.content());
      assert.deepEqual(to.log.position(), from.log.position());
      assert.ok(!to.log.waiting, "what is applied is no change of one's own");
      to.write("d", "5");
      from.write("d", "5");
      assert.deepEqual(append(to.log).digest, append(from.log).digest);
    });

    test("two commits in one entry are applied in their order", async (context) => {
      const [from, to] = [await make(context), await make(context)];
      from.write("a", "1");
      from.write("a", "2");
      from.write("a", undefined);
      from.write("a", "3");
      const { entry, payload, digest } = append(from.log);
      to.log.apply(entry, payload, digest);
      assert.deepEqual(to.content(), from.content());
    });

    test("a change that does not fit is refused and changes nothing", async (context) => {
      const [from, to] = [await make(context), await make(context)];
      from.write("a", "1");
      append(from.log);
      from.write("a", "2");
      const { entry, payload, digest } = append(from.log);
      to.write("a", "other");
      append(to.log);
      const before = [to.content(), to.log.position()];
      assert.throws(() => to.log.apply(entry, payload, digest), { code: "log-conflict" });
      assert.deepEqual([to.content(), to.log.position()], before);
    });

    test("a digest that is not the content's is refused and changes nothing", async (context) => {
      const [from, to] = [await make(context), await make(context)];
      from.write("a", "1");
      const { entry, payload } = append(from.log);
      const before = [to.content(), to.log.position()];
      assert.throws(() => to.log.apply(entry, payload, pattern(32, 9)), { code: "log-digest" });
      assert.deepEqual([to.content(), to.log.position()], before);
    });

    test("a checkpoint is an entry of its own, here and where it is applied", async (context) => {
      const [from, to] = [await make(context), await make(context)];
      from.write("a", "1");
      const made = append(from.log);
      let digest = new Uint8Array(0);
      const checkpoint = from.log.appendCheckpoint((content) => {
        digest = content.slice();
        return entryAfter(from.log, "checkpoint");
      });
      assert.deepEqual(digest, made.digest);
      assert.equal(from.log.position().checkpoint, 2);
      to.log.apply(made.entry, made.payload, made.digest);
      to.log.apply(checkpoint, new Uint8Array(0), digest);
      assert.deepEqual(to.log.position(), from.log.position());
    });

    test("entries come in order within their limit, and those before a sequence can be forgotten", async (context) => {
      const it = await make(context);
      const made = Array.from({ length: 5 }, (_, at) => {
        it.write("a", String(at));
        return append(it.log).entry;
      });
      assert.deepEqual(it.log.entries(2, unlimited), made.slice(1));
      assert.deepEqual(it.log.entries(2, 700), made.slice(1, 3));
      assert.deepEqual(it.log.entries(2, 1), made.slice(1, 2));
      it.log.forgetBefore(4);
      assert.deepEqual(it.log.entries(1, unlimited), made.slice(3));
      assert.equal(it.log.position().sequence, 5);
      assert.deepEqual(it.log.entries(6, unlimited), []);
    });

    test("how far entries are witnessed stays after a restart and never goes back", async (context) => {
      const it = await make(context);
      for (const value of ["1", "2", "3"]) {
        it.write("a", value);
        append(it.log);
      }
      it.log.markWitnessed(2);
      it.log.markWitnessed(1);
      assert.equal(it.reopen().position().witnessed, 2);
    });

    test("a snapshot shows the content as it was, whatever is committed while it is read", async (context) => {
      const [from, to] = [await make(context), await make(context)];
      for (let row = 0; row < 200; row++) from.write(`key-${row}`, "x".repeat(row));
      const { entry } = append(from.log);
      const content = from.content();
      const snapshot = from.log.snapshot();
      from.write("key-7", "later");
      from.write("key-8", undefined);
      const pieces = Array.from(snapshot.pieces(), (piece) => piece.slice());
      snapshot.close();
      to.write("of-before", "goes");
      append(to.log);
      to.write("waiting", "goes too");
      await to.log.load(each(pieces), entry, snapshot.digest);
      assert.deepEqual(to.content(), content);
      assert.ok(!to.log.waiting);
      const log = to.reopen();
      assert.deepEqual(to.content(), content);
      assert.deepEqual(log.position(), { ...from.log.position(), checkpoint: 0, witnessed: 0 });
      const { entry: next, payload, digest } = append(from.log);
      log.apply(next, payload, digest);
      assert.deepEqual(to.content(), from.content());
    });

    test("a snapshot that is damaged, cut or another one's leaves all as it was", async (context) => {
      const [from, to] = [await make(context), await make(context)];
      for (let row = 0; row < 100; row++) from.write(`key-${row}`, `value-${row}`);
      const { entry } = append(from.log);
      const { digest, pieces } = snapshotOf(from.log);
      to.write("kept", "kept");
      append(to.log);
      to.write("waiting", "kept too");
      const before = [to.content(), to.log.position(), to.log.waiting];
      const all = concat(...pieces);
      const bad: readonly (readonly Uint8Array[])[] = [
        pieces.slice(0, -1),
        [all.subarray(0, -1)],
        [pattern(300)],
        [],
        [...pieces.slice(0, -1), pattern(50)],
      ];
      for (const damaged of bad) await assert.rejects(to.log.load(each(damaged), entry, digest));
      await assert.rejects(to.log.load(each(pieces), entry, pattern(32)), { code: "log-digest" });
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* pieces.slice(0, 1);
        await Promise.resolve();
        throw new RangeError("the source broke");
      }
      await assert.rejects(to.log.load(broken(), entry, digest), RangeError);
      assert.deepEqual([to.content(), to.log.position(), to.log.waiting], before);
    });

    test("an emptied log has the content of a new one, and entries from the first on apply again", async (context) => {
      const [from, to, empty] = [await make(context), await make(context), await make(context)];
      from.write("a", "1");
      const { entry, payload, digest } = append(from.log);
      to.write("b", "2");
      append(to.log);
      to.write("c", "3");
      to.log.empty();
      assert.deepEqual(to.content(), empty.content());
      assert.equal(to.log.position().sequence, 0);
      to.log.apply(entry, payload, digest);
      assert.deepEqual(to.content(), from.content());
    });

    test("a snapshot of an empty log is loaded without an entry it would be based on", async (context) => {
      const [from, to] = [await make(context), await make(context)];
      const { pieces, digest } = snapshotOf(from.log);
      to.write("b", "2");
      append(to.log);
      await to.log.load(each(pieces), undefined, digest);
      assert.deepEqual(to.content(), from.content());
      assert.equal(to.log.position().sequence, 0);
    });
  });
}
