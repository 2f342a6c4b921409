import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parseEventLog, predictPcr7, secureBootStateOf, type SecureBootState } from "@piccolo/attest";
import { concat, toHex } from "@piccolo/bytes";
import { recordedBoot } from "../../../test-support/recorded-boot.ts";
import { FailingDisk } from "../../../test-support/failing-disk.ts";
import type { FoundBoot } from "../../system/boot-state.ts";
import { EfiKeys } from "./efi-keys.ts";

const recorded = recordedBoot("secure-boot");
const state: SecureBootState = secureBootStateOf(parseEventLog(recorded.log));
const db = state.variables.find(({ name }) => name === "db")?.content ?? new Uint8Array(0);
const [authority = new Uint8Array(0)] = state.authorities;
const found: FoundBoot = { firmware: "uefi", secureBoot: true, setupMode: false, log: recorded.log, pcrKey: undefined };

let folder: string;
let foreign: Uint8Array;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "piccolo-efi-keys-"));
  foreign = listOf(newCertificate());
});
after(() => rmSync(folder, { recursive: true }));

function newCertificate(): Uint8Array {
  const request = ["req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=next", "-outform", "DER"];
  return new Uint8Array(execFileSync("openssl", [...request, "-keyout", "/dev/null"], { stdio: "pipe" }));
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** An EFI_SIGNATURE_LIST of one certificate of the recorded machine's owner. */
function listOf(certificate: Uint8Array): Uint8Array {
  const entry = concat(authority.subarray(0, 16), certificate);
  return concat(db.subarray(0, 16), u32(28 + entry.length), u32(0), u32(entry.length), entry);
}

/** Time, head and a signature that nobody here checks, before the lists. */
const signed = (lists: Uint8Array): Uint8Array => concat(new Uint8Array(16), u32(24), new Uint8Array(20), lists);

/** A program of the PE form that is signed with the recorded machine's key, as far as its certificate tells. */
function programSignedBy(...certificates: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(512);
  const view = new DataView(head.buffer);
  view.setUint16(0, 0x5a4d, true);
  view.setUint32(0x3c, 64, true);
  view.setUint32(64, 0x4550, true);
  view.setUint16(70, 1, true);
  view.setUint16(84, 240, true);
  view.setUint16(88, 0x20b, true);
  view.setUint32(88 + 60, 512, true);
  view.setUint32(88 + 108, 16, true);
  head.set(Buffer.from(".text"), 88 + 240);
  const table = certificates.map((certificate) => {
    const bytes = 8 + certificate.length;
    return concat(u32(bytes), Uint8Array.of(0, 2, 2, 0), certificate, new Uint8Array((8 - (bytes % 8)) % 8));
  });
  const end = concat(...table);
  view.setUint32(88 + 112 + 32, head.length, true);
  view.setUint32(88 + 112 + 36, end.length, true);
  return concat(head, end);
}

/** A plain file, which keeps what firmware would take apart. */
function keeps(path: string, content: Uint8Array): void {
  writeFileSync(path, content);
}

interface Machine {
  readonly keys: EfiKeys;
  readonly events: string[];
  /** Where `db` lies. */
  readonly variable: string;
}

function machine(
  lists: Uint8Array | undefined | readonly Uint8Array[],
  {
    present = db,
    boot = found,
    programs = [programSignedBy(authority.subarray(16))] as readonly Uint8Array[],
    pcr7 = recorded.pcrs.get(7) ?? new Uint8Array(32),
    write = keeps,
  } = {},
): Machine {
  const place = mkdtempSync(join(folder, "machine-"));
  const variable = join(place, "db-d719b2cb-3d3a-4596-a3bc-dad00e67656f");
  writeFileSync(variable, concat(u32(0x27), present));
  for (const [at, list] of [lists ?? []].flat().entries()) {
    writeFileSync(join(place, at === 0 ? "db.auth" : `db-${at + 2}.auth`), list);
  }
  const events: string[] = [];
  const keys = new EfiKeys({
    signedLists: place,
    variables: place,
    bootState: { read: async () => boot },
    chip: { pcrs: async () => new Map([[7, pcr7]]) },
    programs: async () => programs,
    write,
    report: (event) => events.push(event),
  });
  return { keys, events, variable };
}

test("nothing is to be changed without a list, with the one that is there, and without Secure Boot", async () => {
  const both = signed(concat(db, foreign));
  for (const each of [
    machine(undefined),
    machine(signed(db)),
    machine(both, { boot: { ...found, secureBoot: false } }),
    machine(both, { boot: { ...found, log: undefined } }),
  ]) {
    assert.equal(await each.keys.pending(), undefined);
    assert.deepEqual(each.events, []);
  }
});

test("keys of others stay, and what cannot be foreseen is not done", async () => {
  const both = signed(concat(db, foreign));
  for (const [event, each] of [
    ["firmware-keys-of-others", machine(signed(foreign))],
    ["firmware-keys-not-foreseen", machine(both, { pcr7: new Uint8Array(32).fill(1) })],
    ["firmware-keys-not-foreseen", machine(both, { programs: [programSignedBy()] })],
    ["firmware-keys-not-foreseen", machine(both, { programs: [new Uint8Array(3)] })],
    ["firmware-keys-not-foreseen", machine(new Uint8Array(10))],
    ["firmware-keys-not-foreseen", machine(both.subarray(0, 40))],
  ] as const) {
    assert.equal(await each.keys.pending(), undefined);
    assert.deepEqual(each.events, [event]);
  }
});

test("a variable that cannot be read is the firmware's, and neither the disk's nor the release's fault", async (context) => {
  const disk = new FailingDisk(context);
  const unreadable = (): void => {
    disk.failure = { call: "open", code: "EIO", below: each.variable };
  };
  const each = machine([signed(concat(db, foreign))], { write: unreadable });
  const change = await each.keys.pending();
  await assert.rejects(async () => change?.apply(), { code: "firmware-keys-unreadable" });
  assert.equal(await each.keys.pending(), undefined);
  assert.deepEqual(each.events, ["firmware-keys-not-foreseen"]);
  disk.failure = undefined;
});

test("of the lists of a later release the firmware gets the one with what it has, and no older key beside it", async () => {
  const first = listOf(newCertificate());
  const [short, long] = [signed(concat(db, foreign)), signed(concat(first, db, foreign))];
  const writtenOver = async (present: Uint8Array): Promise<string | undefined> => {
    let written: string | undefined;
    const write = (path: string, content: Uint8Array): void => {
      written = toHex(content.subarray(4));
      writeFileSync(path, concat(u32(0x27), content.subarray(4 + 16 + 24)));
    };
    await (await machine([short, long], { present, write }).keys.pending())?.apply();
    return written;
  };
  assert.equal(await writtenOver(db), toHex(short));
  assert.equal(await writtenOver(concat(first, db)), toHex(long));
  assert.equal(await writtenOver(foreign), undefined, "what was installed with the new key has it");
  assert.equal(await writtenOver(concat(db, foreign)), undefined);
});

test("PCR 7 is foreseen with the new list and with whoever vouches then", async () => {
  const next = concat(db, foreign);
  const entry = foreign.subarray(28);
  const [old, both] = [
    programSignedBy(authority.subarray(16)),
    programSignedBy(entry.subarray(16), authority.subarray(16)),
  ];
  const expectedOf = async (...programs: readonly Uint8Array[]): Promise<readonly string[]> =>
    ((await machine(signed(next), { programs }).keys.pending())?.expected ?? []).map(toHex);
  const withKeys = (...authorities: readonly Uint8Array[]): string =>
    toHex(
      predictPcr7({
        variables: state.variables.map((each) => (each.name === "db" ? { ...each, content: next } : each)),
        authorities,
      }),
    );
  assert.deepEqual(await expectedOf(old, old), [withKeys(authority)]);
  assert.deepEqual(await expectedOf(both, both), [withKeys(entry)]);
  assert.deepEqual(await expectedOf(old, both), [withKeys(authority, entry), withKeys(entry)]);
});

test("what a maker's firmware wrote down of other PCRs than that of the keys stands in the way of nothing", async () => {
  const ofMaker = concat(recorded.log, u32(1), u32(0x8000_00ff), u32(0), u32(0));
  const each = machine(signed(concat(db, foreign)), { boot: { ...found, log: ofMaker } });
  assert.equal((await each.keys.pending())?.expected.length, 1);
  assert.deepEqual(each.events, []);
});

test("the change is written as the firmware wants it, and one that it does not make is told", async () => {
  const next = concat(db, foreign);
  const written: string[] = [];
  const takes = (path: string, content: Uint8Array): void => {
    written.push(toHex(content));
    writeFileSync(path, concat(u32(0x27), next));
  };
  const taking = machine(signed(next), { write: takes });
  await (await taking.keys.pending())?.apply();
  assert.deepEqual(written, [toHex(concat(u32(0x27), signed(next)))]);
  assert.equal(await taking.keys.pending(), undefined, "and then nothing is to be changed");
  const refuses = (): never => {
    throw Object.assign(new Error("EINVAL"), { code: "EINVAL" });
  };
  for (const write of [refuses, () => undefined]) {
    const change = await machine(signed(next), { write }).keys.pending();
    await assert.rejects(async () => change?.apply(), { code: "firmware-keys-refused" });
  }
});
