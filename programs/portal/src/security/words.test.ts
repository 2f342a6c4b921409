import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Backup,
  backupInWords,
  chipCertificatesInWords,
  chipInWords,
  concernsOf,
  copiesInWords,
  newKeysInWords,
  passwordCostInWords,
  quorumInWords,
  type Security,
  staleInWords,
  volumeInWords,
  type Witness,
  witnessInWords,
} from "./words.ts";

const now = 1_800_000_000_000;
const backup = (more: Partial<Backup> = {}): Backup => ({
  state: "ready",
  sequence: 120,
  witnessedSequence: 120,
  ageMs: 180_000,
  checkpointSequence: 100,
  waitingChanges: false,
  quorum: 6,
  witnesses: [],
  ...more,
});
const witness = (more: Partial<Witness> = {}): Witness => ({
  account: "a",
  name: "Ada",
  online: true,
  sequence: 120,
  ...more,
});
const security = (more: Partial<Security> = {}): Security => ({
  unlocked: true,
  slots: {
    epoch: 1,
    password: { memoryKiB: 262_144, passes: 3, changedAtMs: now },
    phrase: { state: "confirmed", number: 1, madeAtMs: now, copies: 9, atCentral: true },
    rekey: "none",
  },
  tpm: { manufacturer: "IFX", firmware: "7.85", lockout: false, simulated: false },
  volume: { backend: "gocryptfs", encrypted: true },
  backup: backup(),
  reencryption: { state: "none", versions: 0, bytes: 0 },
  insecure: [],
  askAtBoot: false,
  ...more,
});

test("a stopped backup is a danger, a waiting one is not", () => {
  assert.equal(backupInWords(backup({ state: "forked" }), now).tone, "danger");
  assert.equal(backupInWords(backup({ state: "replaced" }), now).tone, "danger");
  assert.equal(backupInWords(backup({ state: "no-quorum" }), now).tone, "warn");
  assert.match(backupInWords(backup({ state: "no-quorum" }), now).text, /6 devices/);
  assert.equal(backupInWords(backup({ state: "none" }), now).tone, "warn");
  assert.deepEqual(backupInWords(backup({ state: "stale" }), now), {
    tone: "warn",
    text: "Not yet: too few devices have answered for the newest state.",
  });
  for (const state of ["checking", "catching-up"] as const)
    assert.equal(backupInWords(backup({ state }), now).tone, "calm");
});

test("a backup is complete only when the witnesses have the newest entry and nothing waits", () => {
  assert.equal(backupInWords(backup({ waitingChanges: true }), now).tone, "calm");
  assert.equal(backupInWords(backup({ witnessedSequence: 119 }), now).tone, "calm");
  assert.equal(backupInWords(backup({ quorum: 0 }), now).tone, "warn");
  assert.match(backupInWords(backup(), now).text, /^Complete.*3 minutes ago/);
  assert.match(backupInWords(backup({ ageMs: null }), now).text, /^Complete/);
});

test("a witness says how far it is, and that it is away", () => {
  assert.equal(witnessInWords(witness({ sequence: 0 }), backup()).text, "Has nothing yet");
  assert.equal(witnessInWords(witness({ sequence: 119 }), backup()).text, "1 change behind");
  assert.equal(witnessInWords(witness({ sequence: 70, online: false }), backup()).text, "Offline. 50 changes behind");
  assert.equal(witnessInWords(witness({ sequence: 121 }), backup()).text, "Has everything");
});

test("the quorum is said only where there is one", () => {
  assert.equal(quorumInWords({ quorum: 0, witnesses: [] }), "");
  assert.match(quorumInWords({ quorum: 1, witnesses: [witness()] }), /1 of 1 device has it/);
});

test("copies of the phrase's slot are counted by place", () => {
  const phrase = security().slots.phrase;
  assert.equal(copiesInWords({ ...phrase, copies: 0, atCentral: false }), "Nowhere but on this device yet");
  assert.equal(copiesInWords({ ...phrase, copies: 1, atCentral: false }), "On 1 other device");
  assert.match(copiesInWords(phrase), /^On 9 other devices and at/);
  assert.match(copiesInWords({ ...phrase, copies: 0 }), /^At Piccolo/);
});

test("a missing, simulated or refusing chip is no good chip", () => {
  assert.equal(chipInWords(undefined).tone, "danger");
  const tpm = { manufacturer: "IBM\0", firmware: "", lockout: false, simulated: true };
  assert.match(chipInWords(tpm).text, /^IBM\. Simulated/);
  assert.equal(chipInWords({ ...tpm, simulated: false, lockout: true }).tone, "warn");
  assert.equal(
    chipInWords({ ...tpm, manufacturer: "IFX", firmware: "7.85", simulated: false }).text,
    "Infineon, version 7.85",
  );
  assert.match(chipInWords({ ...tpm, manufacturer: "" }).text, /^Unknown maker/);
});

test("a volume that is not encrypted is a danger", () => {
  assert.equal(volumeInWords({ backend: "plain-folder", encrypted: false }).tone, "danger");
  assert.match(volumeInWords({ backend: "luks2", encrypted: true }).text, /LUKS2/);
});

test("the cost of an attempt is in units people know", () => {
  const password = { memoryKiB: 0, passes: 1, changedAtMs: now };
  assert.equal(passwordCostInWords(password), "");
  assert.equal(passwordCostInWords({ ...password, memoryKiB: 64 }), "Each attempt costs 64 KiB of memory");
  assert.equal(
    passwordCostInWords({ ...password, memoryKiB: 262_144, passes: 3 }),
    "Each attempt costs 256 MiB of memory and 3 passes",
  );
});

test("what may be old says how old, and who did not answer", () => {
  assert.match(
    staleInWords({ answered: 2, needed: 6, newestAtMs: null }, now),
    /^Nothing was found.*2 of the 6 devices/,
  );
  assert.match(staleInWords({ answered: 2, needed: 6, newestAtMs: now - 7_200_000 }, now), /2 hours ago/);
});

test("what new keys are about is said in numbers, and nothing where there is nothing to do", () => {
  const said = (state: Security["reencryption"]["state"], versions = 1_204): string =>
    newKeysInWords({ state, versions, bytes: 18_300_000_000 });
  assert.equal(said("none"), "");
  assert.match(said("offered"), /old phrase.*1,204 file versions, 18 GB\.$/);
  assert.match(said("offered", 1), /1 file version,/);
  assert.match(said("running"), /1,204 file versions, 18 GB to go/);
  assert.match(said("interrupted"), /goes on by itself/);
});

test("a device in order gives no concern", () => {
  assert.deepEqual(concernsOf(security(), true), []);
});

test("concerns come with the dangers first", () => {
  const tones = concernsOf(
    security({
      insecure: ["no-tpm"],
      replaced: { atMs: now },
      mayBeStale: { answered: 1, needed: 6, newestAtMs: now },
      backup: backup({ state: "no-quorum" }),
      slots: { ...security().slots, rekey: "interrupted" },
    }),
    false,
  ).map(({ tone }) => tone);
  assert.deepEqual(tones, ["danger", "danger", "warn", "warn", "warn", "warn"]);
});

test("of a chip's certificates is said which there are, and that nobody checks them", () => {
  const words = (...certificates: ("rsa-2048" | "ecc-p256")[]): string =>
    chipCertificatesInWords({ endorsementKey: "", certificates });
  assert.equal(words(), "Its maker left no certificate in it.");
  assert.equal(words("ecc-p256"), "Its maker left a certificate for this key, which is not checked.");
  assert.match(words("rsa-2048"), /for its RSA key, which/);
  assert.match(words("rsa-2048", "ecc-p256"), /for its RSA key and for this key, which/);
});
