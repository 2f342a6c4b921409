/** The vectors in vectors/release-papers; writing them: `node programs/release/test-support/write-papers-vectors.ts`. */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { concat, fromHex, toUtf8 } from "@piccolo/bytes";
import { billOfMaterials } from "../src/papers/bill-of-materials.ts";
import { commitSubject, openProvenance, sealProvenance, statementOf } from "../src/papers/provenance.ts";
import { describedBy, missingFrom, parseBill } from "../src/papers/spdx.ts";
import type { InstalledPackage } from "../src/tree/packages.ts";

export type Operation =
  | {
      readonly operation: "bill";
      readonly input: { readonly text: string; readonly installed: readonly InstalledPackage[] };
    }
  | { readonly operation: "provenance"; readonly input: { readonly text: string; readonly key: string } };

export type Vector = Operation & {
  readonly spec: "release-papers/1";
  readonly rule: string;
  readonly about: string;
  readonly expect: unknown;
};

/** What this implementation answers to a vector, in the form of its `expect`. */
export function answer(vector: Operation): unknown {
  if (vector.operation === "bill") {
    const bill = parseBill(vector.input.text);
    const { name, comment } = describedBy(bill);
    return { name, comment, packages: bill.packages.length, missing: missingFrom(bill, vector.input.installed) };
  }
  const key = createPublicKey({ key: Buffer.from(vector.input.key, "base64"), format: "der", type: "spki" });
  const { subject, predicate } = openProvenance(vector.input.text, key);
  return {
    subjects: Object.fromEntries(subject.map(({ name, digest }) => [name, digest.sha256])),
    ...predicate.buildDefinition.externalParameters,
  };
}

const keyOf = (seed: number): ReturnType<typeof createPrivateKey> =>
  createPrivateKey({
    key: Buffer.from(concat(fromHex("302e020100300506032b657004220420"), new Uint8Array(32).fill(seed))),
    format: "der",
    type: "pkcs8",
  });
const [ours, foreign] = [keyOf(1), keyOf(2)];
const spki = (key: typeof ours): string =>
  createPublicKey(key).export({ format: "der", type: "spki" }).toString("base64");

const commit = "c0".repeat(32);
const installed = [
  { kind: "deb/debian" as const, name: "libstdc++6", version: "14.2.0-19", architecture: "amd64", source: "gcc-14" },
  { kind: "deb/debian" as const, name: "podman", version: "5.4.2+ds1-2+b2", architecture: "amd64", source: "podman" },
];
const facts = { version: "0.1.0", commit, epochS: 1_777_777_777, system: installed };
const locked = {
  "": { version: "0.1.0" },
  "node_modules/zod": {
    version: "4.6.7",
    license: "MIT",
    integrity: `sha512-${Buffer.alloc(64, 7).toString("base64")}`,
  },
  "node_modules/@hono/zod-openapi": { version: "1.0.0", license: "(MIT OR Apache-2.0)" },
  "node_modules/oxfmt": { version: "1.0.0", dev: true },
};

type Json = Record<string, unknown>;
type List = Json[];

function changedBill(
  change: (bill: Json & { packages: List; relationships: List; creationInfo: Json }) => void,
): string {
  const bill = JSON.parse(billOfMaterials({ ...facts, locked })) as Json & {
    packages: List;
    relationships: List;
    creationInfo: Json;
  };
  change(bill);
  return JSON.stringify(bill);
}

function firstOf(list: List): Json {
  const [first] = list;
  if (first === undefined) throw new Error("the list is empty");
  return first;
}

export async function cases(): Promise<Record<string, Vector>> {
  const vectors: Record<string, Vector> = {};
  const add = (name: string, rule: string, about: string, operation: Operation): void => {
    let expect: unknown;
    try {
      expect = answer(operation);
    } catch (error) {
      expect = { fault: (error as { code?: string }).code };
    }
    vectors[name] = { spec: "release-papers/1", rule, about, ...operation, expect };
  };
  const bill = (name: string, rule: string, about: string, text: string): void =>
    add(`bill-${name}`, rule, about, { operation: "bill", input: { text, installed } });
  const without = (member: string): string => changedBill((each) => void delete each[member]);
  const second = (change: (each: Json) => void): string =>
    changedBill(({ packages }) => change(firstOf(packages.slice(1))));

  bill("no-json", "P3", "No JSON.", "{");
  bill("empty", "P3", "An empty object.", "{}");
  for (const member of [
    "spdxVersion",
    "dataLicense",
    "SPDXID",
    "name",
    "documentNamespace",
    "creationInfo",
    "packages",
  ]) {
    bill(`without-${member}`, "P3", `Without ${member}.`, without(member));
  }
  bill(
    "version-2-2",
    "P3",
    "Another version.",
    changedBill((each) => void (each["spdxVersion"] = "SPDX-2.2")),
  );
  bill(
    "more",
    "P3",
    "A member nobody knows.",
    changedBill((each) => void (each["extra"] = 1)),
  );
  bill(
    "namespace",
    "P3",
    "A namespace with a fragment.",
    changedBill((each) => void (each["documentNamespace"] = "https://a.invalid/#b")),
  );
  bill(
    "local-time",
    "P3",
    "A time that is not UTC.",
    changedBill(({ creationInfo }) => void (creationInfo["created"] = "2026-05-03T03:09:37+02:00")),
  );
  bill(
    "fraction",
    "P3",
    "A time with fractions.",
    changedBill(({ creationInfo }) => void (creationInfo["created"] = "2026-05-03T03:09:37.5Z")),
  );
  bill(
    "creator",
    "P3",
    "A creator of no kind.",
    changedBill(({ creationInfo }) => void (creationInfo["creators"] = ["me"])),
  );
  bill(
    "identifier",
    "P4",
    "An identifier with an underscore.",
    second((each) => void (each["SPDXID"] = "SPDXRef-a_b")),
  );
  bill(
    "analyzed",
    "P4",
    "Files analyzed, and no digest over them.",
    second((each) => void (each["filesAnalyzed"] = true)),
  );
  bill(
    "no-location",
    "P4",
    "No download location.",
    second((each) => void delete each["downloadLocation"]),
  );
  bill(
    "licence",
    "P4",
    "A licence in words.",
    second((each) => void (each["licenseDeclared"] = "see the file")),
  );
  bill(
    "digest-short",
    "P4",
    "A digest of another length.",
    second((each) => void (each["checksums"] = [{ algorithm: "SHA256", checksumValue: "00" }])),
  );
  bill(
    "reference",
    "P4",
    "A reference that is no package URL.",
    second(
      (each) =>
        void (each["externalRefs"] = [{ referenceCategory: "OTHER", referenceType: "x", referenceLocator: "y" }]),
    ),
  );
  bill(
    "twice",
    "P5",
    "Two packages of one identifier.",
    changedBill(({ packages }) => void packages.push(firstOf(packages))),
  );
  bill(
    "relates-nothing",
    "P5",
    "A relationship with something that is not there.",
    changedBill(({ relationships }) => void (firstOf(relationships.slice(1))["relatedSpdxElement"] = "SPDXRef-none")),
  );
  bill(
    "loose",
    "P5",
    "A package that belongs nowhere.",
    changedBill(({ relationships }) => void relationships.pop()),
  );
  bill(
    "describes-none",
    "P5",
    "Nothing is described.",
    changedBill(({ relationships }) => void relationships.shift()),
  );
  bill(
    "missing",
    "P6",
    "A package of the tree is not in it.",
    billOfMaterials({ ...facts, system: installed.slice(1), locked }),
  );
  bill(
    "other-version",
    "P6",
    "A package of the tree is in it in another version.",
    billOfMaterials({
      ...facts,
      system: [
        ...installed.slice(1),
        { kind: "deb/debian" as const, name: "libstdc++6", version: "13", architecture: "amd64", source: "gcc-13" },
      ],
      locked,
    }),
  );
  bill("good", "P3", "A bill as a build writes it.", billOfMaterials({ ...facts, locked }));

  const statement = statementOf({
    version: "0.1.0",
    number: 3,
    epochS: facts.epochS,
    subjects: new Map([
      [commitSubject, commit],
      ["disk.img", "d1".repeat(32)],
    ]),
    dependencies: [{ uri: "git+https://piccolo.invalid/piccolo-os", digest: { gitCommit: "ab".repeat(20) } }],
  });
  const sealed = (content: unknown, key = ours): Promise<string> =>
    sealProvenance(content as typeof statement, [
      { publicKey: createPublicKey(key), sign: (message) => Promise.resolve(new Uint8Array(sign(null, message, key))) },
    ]);
  const good = await sealed(statement);
  const changed = (
    change: (envelope: { payload: string; payloadType: string; signatures: Json[] }) => void,
  ): string => {
    const envelope = JSON.parse(good) as { payload: string; payloadType: string; signatures: Json[] };
    change(envelope);
    return JSON.stringify(envelope);
  };
  const opened = (name: string, rule: string, about: string, text: string): void =>
    add(`provenance-${name}`, rule, about, { operation: "provenance", input: { text, key: spki(ours) } });
  const rewritten = (from: string, to: string): string =>
    changed((each) => {
      const payload = Buffer.from(each.payload, "base64").toString("utf8");
      each.payload = Buffer.from(toUtf8(payload.replace(from, to))).toString("base64");
    });
  opened("no-json", "P7", "No JSON.", "DSSE");
  opened(
    "type",
    "P7",
    "Another type of payload.",
    changed((each) => void (each.payloadType = "text/plain")),
  );
  opened(
    "unsigned",
    "P7",
    "No signature.",
    changed((each) => void (each.signatures = [])),
  );
  opened("foreign", "P7", "Signed by another key.", await sealed(statement, foreign));
  opened(
    "foreign-as-ours",
    "P7",
    "Signed by another key in our key's name.",
    changed((each) => void (firstOf(each.signatures)["sig"] = Buffer.alloc(64, 1).toString("base64"))),
  );
  opened("changed", "P7", "A digest was changed.", rewritten("d1d1", "d2d1"));
  opened(
    "payload-base64",
    "P7",
    "The payload is no base64.",
    changed((each) => void (each.payload = "*")),
  );
  opened(
    "path",
    "P8",
    "A subject with a path.",
    await sealed({ ...statement, subject: [{ name: "../etc/passwd", digest: { sha256: commit } }] }),
  );
  opened(
    "twice",
    "P8",
    "A subject named twice.",
    await sealed({ ...statement, subject: [...statement.subject, ...statement.subject] }),
  );
  opened(
    "predicate",
    "P8",
    "Another predicate.",
    await sealed({ ...statement, predicateType: "https://slsa.dev/provenance/v0.2" }),
  );
  opened("more", "P8", "A member nobody knows.", await sealed({ ...statement, extra: 1 }));
  opened("no-subject", "P8", "Nothing it is about.", await sealed({ ...statement, subject: [] }));
  opened(
    "second-signature",
    "P7",
    "A signature of somebody else beside ours.",
    changed((each) => void each.signatures.unshift({ keyid: "00".repeat(32), sig: "" })),
  );
  opened("good", "P7", "A statement as a build writes it.", good);
  return vectors;
}
