/** The predictions beside those of the tools everybody uses: `systemd-measure` for PCR 11, `sbsign` for a program's digest. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { toHex, toUtf8 } from "@piccolo/bytes";
import { type NewSection, stubMagic, writePe } from "../test-support/pe-writer.ts";
import { afterPhases, authenticodeDigest, pcr11Of, sectionsOfImage } from "./index.ts";

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "attest-"))));
after(() => rmSync(folder, { recursive: true, force: true }));

const parts: readonly NewSection[] = [
  { name: ".osrel", content: toUtf8("ID=piccolo\nVERSION_ID=1\n") },
  { name: ".cmdline", content: toUtf8("ro ostree=/ostree/piccolo/1") },
  { name: ".pcrpkey", content: toUtf8("-----BEGIN PUBLIC KEY-----\n") },
  { name: ".initrd", content: new Uint8Array(5_000).fill(7) },
  { name: ".linux", content: new Uint8Array(9_001).fill(9) },
];

test("PCR 11 is what systemd-measure calculates, for each phase", () => {
  const options = parts.map(({ name, content }) => {
    const path = join(folder, name.slice(1));
    writeFileSync(path, content);
    return `--${name.slice(1)}=${path}`;
  });
  const phases = ["enter-initrd", "enter-initrd:leave-initrd:sysinit:ready"];
  const calculated = execFileSync("/usr/lib/systemd/systemd-measure", [
    "calculate",
    "--bank=sha256",
    ...options,
    ...phases.map((phase) => `--phase=${phase}`),
  ]).toString();
  const value = pcr11Of(sectionsOfImage(writePe([stubMagic("252.39-1"), ...parts])));
  const ours = phases.map((phase) => toHex(afterPhases(value, phase.split(":"))));
  assert.deepEqual(
    [...calculated.matchAll(/^11:sha256=([0-9a-f]{64})$/gm)].map((match) => match[1]),
    ours,
  );
});

test("a program's digest is the one sbsign signs, before and after signing", () => {
  const [key, certificate] = [join(folder, "key"), join(folder, "certificate")];
  const request = ["req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test"];
  execFileSync("openssl", [...request, "-keyout", key, "-out", certificate], { stdio: "pipe" });
  const [plain, signed] = [join(folder, "plain.efi"), join(folder, "signed.efi")];
  writeFileSync(plain, writePe([stubMagic("257.13"), ...parts]));
  execFileSync("sbsign", ["--key", key, "--cert", certificate, "--output", signed, plain], { stdio: "pipe" });
  const file = readFileSync(signed);
  const digest = authenticodeDigest(file);
  // The signature holds the digest it signs behind the algorithm's name: an OCTET STRING of 32 bytes.
  const at = file.indexOf(Buffer.concat([Buffer.from("0420", "hex"), digest]));
  assert.ok(at > readFileSync(plain).length, "the signature has our digest");
  assert.deepEqual(toHex(authenticodeDigest(readFileSync(plain))), toHex(digest));
});
