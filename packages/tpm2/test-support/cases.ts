import { concat, fromHex, toHex } from "@piccolo/bytes";
import {
  comparisons,
  encodeNvPublic,
  encodePcrSelection,
  encodePublic,
  endorsementKeyEccTemplate,
  endorsementKeyRsaTemplate,
  handleName,
  attestationKeyTemplate,
  nvName,
  permanentHandles,
  type PublicArea,
  publicName,
  sealedTemplate,
  sha256,
  storageRootTemplate,
} from "../src/index.ts";
import { answer } from "./answer.ts";
import type { Operation, PolicyStep, Vector, VectorSet } from "./vector.ts";

const number = (value: number): string => value.toString(16).padStart(16, "0");
const changed = (bytes: Uint8Array, at: number, value: number): string => {
  const copy = bytes.slice();
  copy[at] = value;
  return toHex(copy);
};
const value = (seed: number): string => toHex(sha256(Uint8Array.of(seed)));
const index = { handle: 0x0180_0001, attributes: 0x2204_0002, authPolicy: new Uint8Array(0), sizeBytes: 8 };

type Set = (name: string, rule: string, about: string, operation: Omit<Operation, "expect">, fault?: string) => void;

export function cases(): VectorSet {
  const set: VectorSet = {};
  // What is expected comes from the code, which tests hold against a TPM; a refusal is stated by the case itself.
  const add: Set = (name, rule, about, operation, fault) => {
    const vector = { spec: "tpm2/1.59", rule, about, ...operation } as Vector;
    const expect = fault === undefined ? answer(vector) : { fault };
    set[name] = { ...vector, expect } as Vector;
  };
  addPolicies(add);
  addNames(add);
  addQuotes(add);
  addResponseCodes(add);
  return set;
}

function addPolicies(add: Set): void {
  const policy = (name: string, rule: string, about: string, ...steps: readonly PolicyStep[]): void =>
    add(`policy-${name}`, rule, about, { operation: "policy", input: { steps } });
  const pcr11: PolicyStep = { step: "pcr", pcrs: [11], values: { 11: value(11) } };
  const key = toHex(publicName({ ...attestationKeyTemplate, point: { x: fromHex(value(1)), y: fromHex(value(2)) } }));
  const nv = (comparison: number, operand: number, offset = 0): PolicyStep => ({
    step: "nv",
    name: toHex(nvName(index)),
    operand: number(operand),
    offset,
    comparison,
  });
  const endorsement = toHex(handleName(permanentHandles.endorsement));
  policy("nothing", "Part 1, 19.7", "No step: 32 zero bytes.");
  policy("pcr", "Part 3, 23.7", "One PCR.", pcr11);
  const many = { 0: value(0), 7: value(7), 15: "00".repeat(32), 23: value(23) };
  policy("pcr-many", "Part 3, 23.7", "PCRs count in ascending order.", {
    step: "pcr",
    pcrs: [23, 0, 15, 7],
    values: many,
  });
  policy("nv-not-above", "Part 3, 23.9", "An index not above 2.", nv(comparisons.unsignedLessOrEqual, 2));
  policy("nv-other-operand", "Part 3, 23.9", "An index not above 3.", nv(comparisons.unsignedLessOrEqual, 3));
  policy("nv-equal", "Part 3, 23.9", "An index equal to 2.", nv(comparisons.equal, 2));
  policy("nv-offset", "Part 3, 23.9", "An index compared from its second byte on.", nv(comparisons.equal, 2, 1));
  policy("secret", "Part 3, 23.4", "The policy of endorsement keys (EK Credential Profile, PolicyA).", {
    step: "secret",
    name: endorsement,
    policyRef: "",
  });
  policy("secret-reference", "Part 3, 23.4", "With a reference.", {
    step: "secret",
    name: endorsement,
    policyRef: "0102",
  });
  const authorize: PolicyStep = { step: "authorize", keyName: key, policyRef: "" };
  policy("authorize", "Part 3, 23.16", "What a key signs.", authorize);
  policy("authorize-after", "Part 3, 23.16", "What was before does not count.", pcr11, authorize);
  policy("authorize-reference", "Part 3, 23.16", "With a reference.", { ...authorize, policyRef: "ff" });
  const or: PolicyStep = { step: "or", branches: [value(1), value(2)] };
  policy("or", "Part 3, 23.6", "Two branches.", or);
  policy("or-after", "Part 3, 23.6", "What was before does not count.", pcr11, or);
  policy("or-order", "Part 3, 23.6", "The order of branches counts.", { step: "or", branches: [value(2), value(1)] });
  policy("auth-value", "Part 3, 23.17", "The authorization value.", { step: "auth-value" });
  policy("command-code", "Part 3, 23.11", "Unseal alone.", { step: "command-code", code: 0x15e });
  policy(
    "release",
    "Part 3, 23",
    "PCR, then index: as a release signs it.",
    pcr11,
    nv(comparisons.unsignedLessOrEqual, 2),
  );
}

function addNames(add: Set): void {
  const object = (name: string, about: string, bytes: string, fault?: string): void =>
    add(`object-${name}`, "Part 2, 12.2.4", about, { operation: "object-name", input: { bytes } }, fault);
  const areas: readonly (readonly [string, PublicArea])[] = [
    ["storage-root", { ...storageRootTemplate, point: { x: fromHex(value(3)), y: fromHex(value(4)) } }],
    ["attestation-key", attestationKeyTemplate],
    ["endorsement-key-ecc", endorsementKeyEccTemplate(fromHex(value(5)))],
    ["endorsement-key-rsa", endorsementKeyRsaTemplate(fromHex(value(5)))],
    ["sealed", { ...sealedTemplate(fromHex(value(6))), unique: fromHex(value(7)) }],
  ];
  for (const [name, area] of areas) object(name, "A public area and its name.", toHex(encodePublic(area)));
  const root = encodePublic(storageRootTemplate);
  object("refuse-empty", "No bytes.", "", "malformed");
  object("refuse-type", "A type nobody knows.", changed(root, 1, 0x24), "malformed");
  object("refuse-name-algorithm", "A name of SHA-1.", changed(root, 3, 0x04), "malformed");
  object("refuse-attribute", "A reserved attribute.", changed(root, 7, 0x73), "malformed");
  object("refuse-policy-length", "A policy longer than the area.", changed(root, 9, 0x20), "malformed");
  object("refuse-curve", "Another curve.", changed(root, 19, 0x04), "malformed");
  object("refuse-cut", "The last byte is missing.", toHex(root.subarray(0, -1)), "malformed");
  object("refuse-longer", "A byte too many.", `${toHex(root)}00`, "malformed");
  const place = (name: string, about: string, bytes: string, fault?: string): void =>
    add(`index-${name}`, "Part 2, 13.5", about, { operation: "index-name", input: { bytes } }, fault);
  const bytes = encodeNvPublic(index);
  place("written", "An index that was written.", toHex(bytes));
  place("unwritten", "The same before: another name.", toHex(encodeNvPublic({ ...index, attributes: 0x0204_0002 })));
  place("refuse-cut", "The last byte is missing.", toHex(bytes.subarray(0, -1)), "malformed");
  place("refuse-longer", "A byte too many.", `${toHex(bytes)}00`, "malformed");
  place("refuse-large", "An index of 64 KiB.", changed(bytes, bytes.length - 2, 0xff), "malformed");
}

function addQuotes(add: Set): void {
  const quote = (name: string, about: string, bytes: string, fault?: string): void =>
    add(`quote-${name}`, "Part 2, 10.12", about, { operation: "decode-quote", input: { bytes } }, fault);
  const head = fromHex("ff5443478018");
  const signer = fromHex(`0022000b${value(8)}`);
  const clock = fromHex("00000000000123450000000300000001012019102300163636");
  const rest = (selection: Uint8Array): Uint8Array => concat(selection, fromHex(`0020${value(9)}`));
  const whole = concat(head, signer, fromHex("0004aabbccdd"), clock, rest(encodePcrSelection([0, 7, 11])));
  quote("whole", "A quote of three PCRs.", toHex(whole));
  quote("refuse-mark", "Not made by a TPM.", changed(whole, 0, 0xfe), "malformed");
  quote("refuse-kind", "A certification of a key, not a quote.", changed(whole, 5, 0x17), "malformed");
  quote("refuse-truth", "A truth value of 2.", changed(whole, 64, 2), "malformed");
  quote("refuse-bank", "PCRs of SHA-1.", changed(whole, 78, 4), "malformed");
  quote("refuse-cut", "The last byte is missing.", toHex(whole.subarray(0, -1)), "malformed");
  quote("refuse-longer", "A byte too many.", `${toHex(whole)}00`, "malformed");
  quote("refuse-empty", "No bytes.", "", "malformed");
}

function addResponseCodes(add: Set): void {
  const codes: readonly (readonly [string, number, string])[] = [
    ["policy-fail-session-1", 0x99d, "Unseal with a policy that is not satisfied."],
    ["policy", 0x126, "PolicyNV whose comparison fails."],
    ["integrity-parameter-1", 0x1df, "Load of what another TPM wrapped."],
    ["auth-fail-session-1", 0x98e, "A wrong authorization value that counts."],
    ["bad-auth-session-2", 0xaa2, "A wrong authorization value that does not count."],
    ["lockout", 0x921, "Too many wrong tries."],
    ["handle-2", 0x28b, "The second handle names nothing."],
    ["object-memory", 0x902, "No slot for another object."],
    ["retry", 0x922, "Later."],
    ["initialize", 0x100, "Not started."],
    ["failure", 0x101, "A self-test failed."],
    ["value-parameter-15", 0xfc4, "The last parameter that can be named."],
    ["resource-manager", 0x000b_0143, "The layer before the TPM."],
    ["unknown", 0x17f, "A code nobody knows."],
  ];
  for (const [name, code, about] of codes) {
    add(`code-${name}`, "Part 2, 6.6", about, { operation: "response-code", input: { code } });
  }
}
