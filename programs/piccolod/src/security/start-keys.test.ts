import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import { concat, toUtf8 } from "@piccolo/bytes";
import { recordedBoot } from "../../test-support/recorded-boot.ts";
import { bootStateFaults } from "../system/boot-state.ts";
import { decideStartKeys, startKeys } from "./start-keys.ts";
import { distrustOf } from "./start-trust.ts";

const recorded = recordedBoot("secure-boot");
const none: ReadonlySet<string> = new Set();
const released = { signing: new Set(recorded.prediction.signers), replaced: none };
const pcr7 = recorded.pcrs.get(7);
const other = "00".repeat(32);

test("a start by the release's key alone speaks against nothing", () => {
  assert.equal(decideStartKeys(recorded.log, pcr7, released), undefined);
  assert.equal(
    decideStartKeys(recorded.log, pcr7, { signing: new Set([...released.signing, other]), replaced: none }),
    undefined,
  );
});

test("a key that is not the release's does, however signed the boot claims to be", () => {
  for (const keys of [[], [""], [other]]) {
    const signing = new Set(keys);
    assert.equal(decideStartKeys(recorded.log, pcr7, { signing, replaced: none })?.code, "start-keys-of-others");
  }
});

test("a key that was replaced vouches for no start by itself, since what it alone signed is no part of this release", () => {
  const { signing } = released;
  assert.equal(
    decideStartKeys(recorded.log, pcr7, { signing: new Set([other]), replaced: signing })?.code,
    "start-keys-of-others",
  );
  assert.equal(decideStartKeys(recorded.log, pcr7, { signing, replaced: new Set([other]) }), undefined);
});

test("a log that the chip does not confirm, that cannot be read, or that names no key does", () => {
  const off = recordedBoot("secure-boot-off");
  const damaged = recorded.log.slice();
  damaged[200] = (damaged[200] ?? 0) ^ 1;
  for (const [log, value] of [
    [undefined, pcr7],
    [recorded.log, undefined],
    [recorded.log, new Uint8Array(32)],
    [off.log, pcr7],
    [off.log, off.pcrs.get(7)],
    [new Uint8Array(0), pcr7],
    [recorded.log.subarray(0, 5_000), pcr7],
  ] as const) {
    assert.equal(decideStartKeys(log, value, released)?.code, "start-keys-unknown");
  }
  assert.ok(decideStartKeys(damaged, pcr7, { signing: none, replaced: none }) !== undefined);
});

test("what cannot be asked counts against the start, and so does every other doubt before it", async () => {
  const chip = { pcrs: async () => recorded.pcrs, checkStart: async () => undefined };
  const bootState = {
    read: () => Promise.reject(bootStateFaults.fault("boot-state-unreadable", "it is not given out")),
  };
  const unreadable = startKeys({ bootState, chip, released: () => released });
  assert.equal((await unreadable())?.code, "boot-state-unreadable");
  assert.equal((await distrustOf(() => "on", chip, unreadable)())?.code, "boot-state-unreadable");
  assert.equal((await distrustOf(() => "off", chip, unreadable)())?.code, "secure-boot-off");
  assert.equal(await distrustOf(() => "on", chip)(), undefined);
});

interface Oddity {
  readonly pcr: number;
  readonly kind: number;
  readonly data: Uint8Array;
  /** Of the four banks of the recorded log. */
  readonly banks?: number;
}

const hashes = [
  [0x4, "sha1"],
  [0xb, "sha256"],
  [0xc, "sha384"],
  [0xd, "sha512"],
] as const;
const unknownKind = 0x8000_00ff;
const crtmVersion = 0x8;
const noAction = 0x3;
const efiAction = 0x8000_0007;

function u32(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, at) => bytes.writeUInt32LE(value, at * 4));
  return bytes;
}

/** The recorded log with one more event, whose digests are those of its name rather than of its data, and what PCR 7 then holds. */
function withEvent({ pcr, kind, data, banks = 4 }: Oddity): { readonly log: Uint8Array; readonly pcr7: Uint8Array } {
  const digests = hashes.map(([id, name]) => ({ id, digest: hash(name, "an event", "buffer") }));
  const listed = digests.slice(0, banks).flatMap(({ id, digest }) => [u32(id).subarray(0, 2), digest]);
  const log = concat(recorded.log, u32(pcr, kind, banks), ...listed, u32(data.length), data);
  const before = pcr7 ?? new Uint8Array(32);
  const extended = hash("sha256", concat(before, digests[1]?.digest ?? new Uint8Array(32)), "buffer");
  return { log, pcr7: pcr === 7 ? extended : before };
}

for (const [what, oddity] of [
  ["an event of a kind that nobody knows", { pcr: 0, kind: unknownKind, data: toUtf8("a maker's own") }],
  ["an event that does not belong there", { pcr: 1, kind: crtmVersion, data: toUtf8("1.0") }],
  ["data that was not measured", { pcr: 0, kind: crtmVersion, data: toUtf8("1.0") }],
  ["an action that was not measured", { pcr: 1, kind: efiAction, data: toUtf8("UEFI Debug Mode") }],
  ["an unmeasured event that tells something unknown", { pcr: 0, kind: noAction, data: toUtf8("A maker's note") }],
  ["fewer digests than the header names", { pcr: 1, kind: unknownKind, data: new Uint8Array(0), banks: 2 }],
  ["a number that no PCR has", { pcr: 0xffff_ffff, kind: noAction, data: toUtf8("A maker's note") }],
] as const satisfies readonly (readonly [string, Oddity])[]) {
  test(`${what} speaks against a start in PCR 7 alone`, () => {
    const elsewhere = withEvent(oddity);
    assert.equal(decideStartKeys(elsewhere.log, elsewhere.pcr7, released), undefined);
    assert.equal(
      decideStartKeys(elsewhere.log, elsewhere.pcr7, { signing: none, replaced: none })?.code,
      "start-keys-of-others",
    );
    const there = withEvent({ ...oddity, pcr: 7 });
    assert.equal(decideStartKeys(there.log, there.pcr7, released)?.code, "start-keys-unknown");
  });
}

test("an event of PCR 7 that is told to be another's is missed by the chip, and what is cut off is none", () => {
  const hidden = withEvent({ pcr: 7, kind: unknownKind, data: new Uint8Array(0) });
  const { log } = withEvent({ pcr: 0, kind: unknownKind, data: new Uint8Array(0) });
  assert.equal(decideStartKeys(log, hidden.pcr7, released)?.code, "start-keys-unknown");
  assert.equal(decideStartKeys(log.subarray(0, -1), pcr7, released)?.code, "start-keys-unknown");
  for (const bad of [{ banks: 5 }, { banks: 0xffff_ffff }]) {
    const torn = concat(recorded.log, u32(0, unknownKind, bad.banks));
    assert.equal(decideStartKeys(torn, pcr7, released)?.code, "start-keys-unknown");
  }
});
