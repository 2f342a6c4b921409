/** PCR 7 as it will be after a change of the firmware's keys, beside what firmware measured. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { concat, toHex, toUtf8 } from "@piccolo/bytes";
import { recordedBoot } from "../test-support/boot-logs.ts";
import { stubMagic, writePe } from "../test-support/pe-writer.ts";
import {
  decodeSignatureLists,
  encodeSignatureLists,
  enrolledState,
  parseEventLog,
  predictPcr7,
  secureBootStateOf,
  signaturesOf,
  withKeys,
} from "./index.ts";

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "attest-keys-"))));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Signer {
  readonly key: string;
  readonly path: string;
  readonly certificate: Uint8Array;
}

function makeSigner(name: string): Signer {
  const [key, path] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const request = ["req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`];
  execFileSync("openssl", [...request, "-keyout", key, "-out", path], { stdio: "pipe" });
  const certificate = new Uint8Array(execFileSync("openssl", ["x509", "-in", path, "-outform", "DER"]));
  return { key, path, certificate };
}

/** A program with these signatures, the first made first. */
function signedBy(...signers: readonly Signer[]): Uint8Array {
  const [from, to] = [join(folder, "from.efi"), join(folder, "to.efi")];
  writeFileSync(from, writePe([stubMagic("257.13"), { name: ".linux", content: toUtf8("a program") }]));
  for (const { key, path } of signers) {
    execFileSync("sbsign", ["--key", key, "--cert", path, "--output", to, from], { stdio: "pipe" });
    writeFileSync(from, readFileSync(to));
  }
  return new Uint8Array(readFileSync(from));
}

const owner = Uint8Array.from({ length: 16 }, (_, at) => at);
const x509 = Buffer.from("a159c0a5e494a74a87b5ab155c2bf072", "hex");

function listOf(...signers: readonly Signer[]): Uint8Array {
  return concat(
    ...signers.map(({ certificate }) => {
      const sizes = Buffer.alloc(12);
      sizes.writeUInt32LE(28 + 16 + certificate.length, 0);
      sizes.writeUInt32LE(16 + certificate.length, 8);
      return concat(x509, sizes, owner, certificate);
    }),
  );
}

test("what firmware measured in recorded boots is what the prediction gives for it", () => {
  for (const name of ["secure-boot", "secure-boot-off", "stub-252"] as const) {
    const { log, pcrs } = recordedBoot(name);
    const state = secureBootStateOf(parseEventLog(log));
    assert.equal(toHex(predictPcr7(state)), toHex(pcrs.get(7) ?? new Uint8Array(0)), name);
  }
});

test("a change of any variable or authority is another value, and an authority counts once", () => {
  const state = secureBootStateOf(parseEventLog(recordedBoot("secure-boot").log));
  const values = new Set([toHex(predictPcr7(state))]);
  for (const at of state.variables.keys()) {
    const variables = state.variables.map((each, index) =>
      index === at ? { ...each, content: concat(each.content, Uint8Array.of(1)) } : each,
    );
    values.add(toHex(predictPcr7({ ...state, variables })));
  }
  values.add(toHex(predictPcr7({ ...state, authorities: [] })));
  assert.equal(values.size, state.variables.length + 2);
  const twice = { ...state, authorities: [...state.authorities, ...state.authorities] };
  assert.equal(toHex(predictPcr7(twice)), toHex(predictPcr7(state)));
});

test("signatures are read in their order, and what is cut off is none", () => {
  const [one, two] = [makeSigner("one"), makeSigner("two")];
  assert.deepEqual(signaturesOf(signedBy()), []);
  const file = signedBy(one, two);
  const holders = signaturesOf(file).map((signature) =>
    [one, two].findIndex(({ certificate }) => Buffer.from(signature).includes(certificate)),
  );
  assert.deepEqual(holders, [0, 1]);
  const table = file.length - signaturesOf(file).reduce((sum, { length }) => sum + Math.ceil((length + 8) / 8) * 8, 0);
  const cut = new Uint8Array(file);
  new DataView(cut.buffer).setUint32(table, 0xffff_ffff, true);
  assert.throws(() => signaturesOf(cut), { code: "malformed" });
  new DataView(cut.buffer).setUint32(table, 4, true);
  assert.throws(() => signaturesOf(cut), { code: "malformed" });
});

test("the first signature whose certificate is in db vouches, whichever else there are", () => {
  const [old, next, other] = [makeSigner("old"), makeSigner("next"), makeSigner("other")];
  const state = secureBootStateOf(parseEventLog(recordedBoot("secure-boot").log));
  const both = signaturesOf(signedBy(next, old));
  const onlyOld = signaturesOf(signedBy(old));
  const vouching = (db: Uint8Array, ...programs: readonly (readonly Uint8Array[])[]): readonly string[] | undefined =>
    withKeys(state, db, programs)?.authorities.map(toHex);
  const entry = ({ certificate }: Signer): string => toHex(concat(owner, certificate));
  assert.deepEqual(vouching(listOf(old), both, both), [entry(old), entry(old)]);
  assert.deepEqual(vouching(listOf(old, next), both), [entry(next)]);
  assert.deepEqual(vouching(listOf(old, next), onlyOld, both), [entry(old), entry(next)]);
  assert.equal(vouching(listOf(other), both), undefined);
  assert.equal(vouching(listOf(next), onlyOld, both), undefined, "the boot loader would not start any more");
  const changed = withKeys(state, listOf(old, next), [both]);
  assert.deepEqual(changed?.variables.find(({ name }) => name === "db")?.content, listOf(old, next));
  assert.equal(changed?.variables.length, state.variables.length);
});

test("lists made of the recorded certificates are what the recorded firmware measured, and start its programs", () => {
  const recorded = recordedBoot("secure-boot");
  const state = secureBootStateOf(parseEventLog(recorded.log));
  const certificates = (["PK", "KEK", "db"] as const).map((wanted) => {
    const content = state.variables.find(({ name }) => name === wanted)?.content ?? new Uint8Array(0);
    const [entry] = decodeSignatureLists(content);
    assert.ok(entry?.kind === "certificate");
    assert.deepEqual(encodeSignatureLists(entry.owner, [entry.certificate]), content, wanted);
    return [entry.certificate];
  });
  const [PK = [], KEK = [], db = []] = certificates;
  const enrolled = enrolledState({ PK, KEK, db }, [db, db]);
  assert.ok(enrolled !== undefined);
  // The recorded firmware has a list of what is barred and names another owner; all else is as it was measured.
  const own = (name: string): Uint8Array =>
    state.variables.find((variable) => variable.name === name)?.content ?? new Uint8Array(0);
  const variables = enrolled.variables.map((variable) => ({ ...variable, content: own(variable.name) }));
  assert.equal(
    toHex(predictPcr7({ variables, authorities: state.authorities })),
    toHex(recorded.pcrs.get(7) ?? new Uint8Array(0)),
  );
  assert.equal(enrolled.authorities.length, 2);
  assert.equal(enrolledState({ PK, KEK, db: PK }, [db, db]), undefined, "nobody vouches for the programs");
});
