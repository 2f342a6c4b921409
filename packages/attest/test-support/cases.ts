import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { isFault } from "@piccolo/fault";
import { concat, fromHex, toHex, toUtf8 } from "@piccolo/bytes";
import {
  decodeSignatureLists,
  encodeSignedPrediction,
  encodeVariable,
  type EnrolledKeys,
  enrolledState,
  eventTypes,
  fingerprintOf,
  parseEventLog,
  predictionToSign,
  predictPcr15,
  predictPcr7,
  secureBootStateOf,
} from "../src/index.ts";
import { answer } from "./answer.ts";
import { type BootName, recordedBoot } from "./boot-logs.ts";
import { type Add, type Change, changedLog, event, find, measured, zeroed } from "./changed-log.ts";
import { digestsOf, type RawEvent, spliceOf } from "./log-writer.ts";
import { type NewSection, stubMagic, writePe } from "./pe-writer.ts";
import { addSecureBoots } from "./secure-boot-cases.ts";
import type { LogInput, Operation, Vector, VectorSet } from "./vector.ts";

const secureBootOn = encodeVariable({
  owner: "8be4df61-93ca-11d2-aa0d-00e098032b8c",
  name: "SecureBoot",
  content: new Uint8Array([1]),
});
const locality = (value: number): RawEvent => {
  const entry = measured(0, eventTypes.noAction, concat(toUtf8("StartupLocality\0"), new Uint8Array([value])));
  return { ...entry, digests: zeroed(entry) };
};

/** The form of a log (rules M1 to M6). */
function addForms(add: Add): void {
  const refuse = (name: string, rule: string, about: string, fault: string, change: Change): void =>
    add(`log-refuse-${name}`, rule, about, { operation: "replay", input: changedLog("secure-boot", change) }, fault);
  const header =
    (at: number, value: number): Change =>
    (log) =>
      (log.header[at] = value);

  refuse("header-pcr", "M1", "The header stands in PCR 1.", "malformed", header(0, 1));
  refuse("header-measured", "M1", "The header has a digest.", "malformed", header(8, 1));
  refuse("sha1-form", "M1", "A log of the old form, with SHA-1 alone.", "malformed", header(32 + 15, 0x32));
  refuse("version", "M1", "Version 2.1.", "malformed", header(32 + 20, 1));
  refuse("platform-class", "M1", "A platform of an unknown class.", "malformed", header(32 + 16, 2));
  refuse("no-banks", "M2", "No banks.", "malformed", header(32 + 24, 0));
  refuse("many-banks", "M2", "Nine banks.", "malformed", header(32 + 24, 9));
  refuse("unknown-bank", "M2", "A bank of an unknown algorithm.", "malformed", header(32 + 28, 5));
  refuse("bank-size", "M2", "A bank with digests of a wrong size.", "malformed", header(32 + 30, 21));
  refuse("bank-twice", "M2", "A bank named twice.", "malformed", (log) => {
    log.header.set(log.header.subarray(32 + 32, 32 + 36), 32 + 36);
  });
  refuse("few-digests", "M3", "An event without one of the banks.", "malformed", (log) => event(log, 3).digests.pop());
  refuse("digest-twice", "M3", "An event with one bank twice.", "malformed", (log) => {
    event(log, 3).digests[1] = event(log, 3).digests[0] ?? { algorithm: 0, digest: new Uint8Array(0) };
  });
  refuse("pcr-24", "M3", "An event of PCR 24.", "malformed", (log) => (event(log, 3).pcr = 24));
  const whole = recordedBoot("secure-boot").log;
  const cut = (name: string, about: string, length: number): void =>
    add(
      `log-refuse-${name}`,
      "M3",
      about,
      { operation: "replay", input: { log: "secure-boot", splice: spliceOf(whole, whole.subarray(0, length)) } },
      "malformed",
    );
  cut("empty", "No bytes.", 0);
  cut("cut", "The last byte is missing.", whole.length - 1);
  cut("cut-within-digest", "The log ends within a digest.", 120);
  refuse("data-size", "M3", "An event whose data is longer than the log.", "malformed", (log) => {
    log.header.set([0xff, 0xff, 0xff, 0x7f], 28);
  });
  refuse("locality-5", "M5", "A start from locality 5.", "malformed", (log) => log.events.unshift(locality(5)));
  refuse("locality-late", "M5", "The locality comes after PCR 0 was extended.", "log-unexpected", (log) =>
    log.events.splice(1, 0, locality(3)),
  );
  refuse("locality-twice", "M5", "The locality comes twice.", "log-unexpected", (log) =>
    log.events.unshift(locality(3), locality(3)),
  );
  refuse("no-action-digest", "M5", "An event that is not measured, with a digest.", "log-unexpected", (log) => {
    log.events.unshift({ ...locality(3), digests: digestsOf(new Uint8Array(1)) });
  });
  refuse("no-action-unknown", "M5", "An unmeasured event of an unknown kind.", "log-unknown-event", (log) => {
    const entry = measured(0, eventTypes.noAction, toUtf8("Something Else0\0"));
    log.events.unshift({ ...entry, digests: zeroed(entry) });
  });
  refuse("separator-error", "M6", "The firmware tells of an error.", "log-unexpected", (log) => {
    const at = find(log, 0, "separator");
    log.events[at] = measured(0, eventTypes.separator, new Uint8Array([1, 0, 0, 0]));
  });
  for (const name of ["secure-boot", "secure-boot-off", "stub-252"] as const) {
    add(`replay-${name}`, "M7", "A recorded log: its values are the chip's.", {
      operation: "replay",
      input: { log: name },
    });
  }
  add("replay-locality-3", "M7", "A start from locality 3: PCR 0 begins with it.", {
    operation: "replay",
    input: changedLog("secure-boot", (log) => log.events.unshift(locality(3))),
  });
}

/** What an attacker does who runs on the machine: digests that add up, and kinds and data that lie (rules M4, M6, M8 to M11). */
function addAttacks(add: Add): void {
  const attack = (name: string, rule: string, about: string, change: Change, fault?: string): void =>
    add(
      `attack-${name}`,
      rule,
      about,
      { operation: "explain", input: { ...changedLog("secure-boot-off", change), predicted: true } },
      fault,
    );
  const retyped =
    (pcr: number, from: keyof typeof eventTypes, to: number): Change =>
    (log) => {
      for (const entry of log.events) if (entry.pcr === pcr && entry.type === eventTypes[from]) entry.type = to;
    };
  const both =
    (...changes: Change[]): Change =>
    (log) =>
      changes.forEach((change) => change(log));
  const append =
    (...entries: RawEvent[]): Change =>
    (log) =>
      log.events.push(...entries);
  const ownConfig = append(measured(7, eventTypes.variableDriverConfig, secureBootOn));

  attack(
    "unused-kind",
    "M4",
    "The true variables are made events of a reserved kind, and others are appended.",
    both(retyped(7, "variableDriverConfig", 2), ownConfig),
    "log-unknown-event",
  );
  attack(
    "unknown-kind",
    "M4",
    "The true variables are made events of a kind nobody knows.",
    both(retyped(7, "variableDriverConfig", 0x8000_00ff), ownConfig),
    "log-unknown-event",
  );
  attack(
    "program-as-firmware",
    "M4",
    "The program that was started is made a firmware part, and another appended.",
    both(retyped(4, "bootServicesApplication", eventTypes.platformFirmwareBlob), (log) =>
      log.events.push(measured(4, eventTypes.bootServicesApplication, new Uint8Array(8))),
    ),
    "log-unknown-event",
  );
  attack(
    "variables-as-actions",
    "M8",
    "The true variables are made actions.",
    both(retyped(7, "variableDriverConfig", eventTypes.efiAction), ownConfig),
    "log-unexpected",
  );
  attack(
    "variables-as-separators",
    "M6",
    "The true variables are made separators.",
    both(retyped(7, "variableDriverConfig", eventTypes.separator), ownConfig),
    "log-unexpected",
  );
  attack(
    "variables-as-authorities",
    "M8",
    "The true variables are made authorities, and others are put before them.",
    both(retyped(7, "variableDriverConfig", eventTypes.variableAuthority), ownConfig),
    "log-unexpected",
  );
  attack(
    "variables-unmeasured",
    "M5",
    "The true variables are made events that are not measured.",
    (log) => {
      for (const entry of log.events) {
        if (entry.pcr === 7) Object.assign(entry, { type: eventTypes.noAction });
      }
    },
    "log-unknown-event",
  );
  attack(
    "variable-content",
    "M6",
    "Secure Boot reads on; its digest stays.",
    (log) => (event(log, find(log, 7, "variableDriverConfig")).data = secureBootOn),
    "log-unexpected",
  );
  attack(
    "variable-replaced",
    "M11",
    "Secure Boot reads on, with a digest that fits, and the chip does not confirm it.",
    (log) => {
      log.events[find(log, 7, "variableDriverConfig")] = measured(7, eventTypes.variableDriverConfig, secureBootOn);
    },
  );
  attack(
    "variable-twice",
    "M8",
    "Secure Boot is told a second time.",
    (log) => {
      log.events.splice(find(log, 7, "separator"), 0, measured(7, eventTypes.variableDriverConfig, secureBootOn));
    },
    "log-unexpected",
  );
  attack("variable-after", "M8", "Secure Boot is told a second time, at the end.", ownConfig, "log-unexpected");
  attack(
    "variables-swapped",
    "M8",
    "Two variables change places.",
    (log) => {
      const at = find(log, 7, "variableDriverConfig");
      const [first, second] = [event(log, at), event(log, at + 1)];
      log.events.splice(at, 2, second, first);
    },
    "log-unexpected",
  );
  attack(
    "no-separator",
    "M8",
    "The firmware's part of PCR 7 has no end.",
    (log) => log.events.splice(find(log, 7, "separator"), 1),
    "boot-not-measured",
  );
  attack(
    "separator-twice",
    "M9",
    "The firmware's part of PCR 4 ends twice.",
    append(measured(4, eventTypes.separator, new Uint8Array(4))),
    "log-unexpected",
  );
  attack(
    "action-in-programs",
    "M9",
    "An unknown action among the programs.",
    append(measured(4, eventTypes.efiAction, toUtf8("Booting to Something"))),
    "log-unexpected",
  );
  attack(
    "program-as-tag",
    "M4",
    "A program is made a tagged event.",
    retyped(4, "bootServicesApplication", eventTypes.eventTag),
    "log-unknown-event",
  );
  attack("program-left-out", "M11", "The last program is left out of the log.", (log) => {
    log.events.splice(
      log.events.findLastIndex((entry) => entry.type === eventTypes.bootServicesApplication),
      1,
    );
  });
  attack(
    "program-data",
    "M11",
    "A program's path, which is not measured, reads otherwise: nothing believes it.",
    (log) => {
      event(log, find(log, 4, "bootServicesApplication")).data = new Uint8Array(32);
    },
  );
  attack(
    "section-name",
    "M10",
    "A part of the system image is given another name.",
    (log) => {
      const at = find(log, 11, "ipl");
      event(log, at).data = event(log, at + 2).data;
      event(log, at + 1).data = event(log, at + 2).data;
    },
    "log-unexpected",
  );
  attack(
    "section-order",
    "M10",
    "Two parts of the system image change places.",
    (log) => {
      const at = find(log, 11, "ipl");
      log.events.splice(at, 4, ...log.events.slice(at + 2, at + 4), ...log.events.slice(at, at + 2));
    },
    "log-unexpected",
  );
  attack(
    "section-half",
    "M10",
    "A part of the system image has a name and no content.",
    (log) => log.events.splice(find(log, 11, "ipl") + 13, 1),
    "log-unexpected",
  );
  attack(
    "section-kind",
    "M10",
    "A part of the system image is made a tagged event.",
    (log) => (event(log, find(log, 11, "ipl") + 1).type = eventTypes.eventTag),
    "log-unexpected",
  );
  attack(
    "no-image",
    "M10",
    "No system image was measured.",
    (log) => (log.events = log.events.filter(({ pcr }) => pcr !== 11)),
    "boot-not-measured",
  );
  attack("section-content", "M11", "The settings of the kernel have another digest.", (log) => {
    const at = find(log, 11, "ipl") + 5;
    event(log, at).digests = digestsOf(toUtf8("init=/bin/sh"));
  });
}

function addExplanations(add: Add): void {
  const explain = (
    name: string,
    about: string,
    input: LogInput & { pcrs?: Record<string, string>; volume?: string; pcr7?: readonly string[]; predicted: boolean },
    rule = "M11",
  ): void => add(`explain-${name}`, rule, about, { operation: "explain", input });
  const extended = (pcr: number, text: string): Record<string, string> => {
    const before = recordedBoot("secure-boot").pcrs.get(pcr) ?? new Uint8Array(32);
    const digest = createHash("sha256").update(text).digest();
    return { [pcr]: createHash("sha256").update(concat(before, digest)).digest("hex") };
  };
  explain("as-released", "A boot of the release with Secure Boot.", { log: "secure-boot", predicted: true });
  explain("off", "The same release with Secure Boot switched off.", { log: "secure-boot-off", predicted: true });
  explain("no-prediction", "No prediction to hold it against.", { log: "secure-boot", predicted: false });
  explain("older-stub", "An image started without a boot loader, by an older stub.", {
    log: "stub-252",
    predicted: false,
  });
  explain("phase", "The system has measured its first step.", {
    log: "secure-boot",
    pcrs: extended(11, "enter-initrd"),
    predicted: true,
  });
  explain("phase-unknown", "Something else was measured into PCR 11.", {
    log: "secure-boot",
    pcrs: extended(11, "enter-shell"),
    predicted: true,
  });
  explain("credential", "A credential from the boot partition was measured into PCR 12.", {
    log: "secure-boot",
    pcrs: extended(12, "a.cred"),
    predicted: true,
  });
  explain("extension", "An extension from the boot partition was measured into PCR 13.", {
    log: "secure-boot",
    pcrs: extended(13, "a.sysext"),
    predicted: true,
  });
  const volume = toHex(new Uint8Array(32).fill(1));
  const withVolume = (name: string, about: string, value: Uint8Array | undefined): void => {
    const pcrs = { 15: toHex(value ?? new Uint8Array(32)) };
    explain(`volume-${name}`, about, { log: "secure-boot", pcrs, volume, predicted: true }, "M16");
  };
  const [atOnce, later] = predictPcr15(fromHex(volume));
  withVolume("not-measured", "The volume is open, and nothing was measured into PCR 15.", undefined);
  withVolume("other", "PCR 15 tells of another volume than the open one.", predictPcr15(new Uint8Array(32).fill(2))[0]);
  withVolume("closed", "PCR 15 tells that the volume stays closed, and it is open.", predictPcr15(undefined)[0]);
  withVolume("opened", "The volume was opened at once.", atOnce);
  withVolume("opened-later", "The volume was opened after it had stayed closed.", later);
}

function addKeyLists(add: Add): void {
  const recorded = recordedBoot("secure-boot");
  const asMeasured = toHex(recorded.pcrs.get(7) ?? new Uint8Array(32));
  const state = secureBootStateOf(parseEventLog(recorded.log));
  const [PK = [], KEK = [], db = []] = ["PK", "KEK", "db"].map((wanted) =>
    decodeSignatureLists(state.variables.find(({ name }) => name === wanted)?.content ?? new Uint8Array(0)).flatMap(
      (entry) => (entry.kind === "certificate" ? [entry.certificate] : []),
    ),
  );
  const predictedOf = (keys: EnrolledKeys): string => {
    const programs = [state, state].map(() => db);
    const enrolled = enrolledState(keys, programs);
    if (enrolled === undefined) throw new Error("the recorded programs start with the recorded keys");
    return toHex(predictPcr7(enrolled));
  };
  const explain = (name: string, about: string, log: BootName, pcr7: readonly string[]): void =>
    add(`explain-keys-${name}`, "M17", about, { operation: "explain", input: { log, pcr7, predicted: true } });
  const enrolled = predictedOf({ PK, KEK, db });
  explain("others", "Other keys than the release's are in the firmware.", "secure-boot", [
    predictedOf({ PK, KEK: PK, db }),
    predictedOf({ PK, KEK, db: [...db, ...PK] }),
  ]);
  explain("off", "The release's keys, and Secure Boot is off.", "secure-boot-off", [enrolled]);
  explain("as-enrolled", "The second of two values.", "secure-boot", ["11".repeat(32), asMeasured]);
  explain("own-events", "The same keys with a list of what is barred, and another owner's name.", "secure-boot", [
    enrolled,
  ]);
}

function addVolumes(add: Add): void {
  add("volume-closed", "M16", "The volume stays closed.", { operation: "volume", input: {} });
  const identity = toHex(new Uint8Array(32).fill(1));
  add("volume-open", "M16", "A volume is opened, at once or later.", { operation: "volume", input: { identity } });
}

function addImages(add: Add): void {
  const text = (name: string, content: string): NewSection => ({ name, content: toUtf8(content) });
  const kernel = text(".linux", "a kernel");
  const parts = [
    text(".osrel", "ID=piccolo\n"),
    text(".cmdline", "ostree=/ostree/piccolo/1 ro"),
    kernel,
    text(".initrd", "first programs"),
  ];
  const image = (name: string, about: string, sections: readonly NewSection[], fault?: string): void =>
    add(`image-${name}`, "M12", about, { operation: "image", input: { file: toHex(writePe(sections)) } }, fault);
  image("refuse-stub", "A stub whose order is not known.", [stubMagic("255.4"), ...parts], "malformed");
  image("refuse-no-stub", "No stub.", parts, "malformed");
  image(
    "refuse-no-kernel",
    "No kernel.",
    [stubMagic("257.13"), ...parts.filter((part) => part !== kernel)],
    "malformed",
  );
  image("refuse-twice", "A section twice.", [stubMagic("257.13"), ...parts, text(".cmdline", "rw")], "malformed");
  image(
    "refuse-profile",
    "An image with profiles.",
    [stubMagic("257.13"), ...parts, text(".profile", "ID=x")],
    "malformed",
  );
  const more = [text(".uname", "6.12"), text(".sbat", "sbat,1"), text(".pcrpkey", "a key"), text(".pcrsig", "{}")];
  image("stub-252", "An older stub: it leaves out the newer sections.", [stubMagic("252.39-1"), ...parts, ...more]);
  image("stub-257", "All sections, in another order than they are measured.", [
    stubMagic("257.13-1~deb13u1"),
    ...more,
    ...parts,
  ]);
  image("program", "A kernel that is itself a program, as real ones are.", [
    stubMagic("257.13"),
    { name: ".linux", content: writePe(parts) },
  ]);
  image("short", "A section larger in memory than in the file.", [
    stubMagic("257.13"),
    ...parts,
    { ...text(".splash", "picture"), memoryBytes: 700 },
  ]);

  const whole = writePe(parts);
  const program = (name: string, about: string, file: Uint8Array, fault?: string): void =>
    add(`program-${name}`, "M13", about, { operation: "program", input: { file: toHex(file) } }, fault);
  const changed = (at: number, value: number): Uint8Array => {
    const file = whole.slice();
    new DataView(file.buffer).setUint32(at, value, true);
    return file;
  };
  const optionalAt = 0x80 + 24;
  const tableAt = optionalAt + 240;
  program("refuse-empty", "No bytes.", new Uint8Array(0), "malformed");
  program("refuse-mark", "Not a program.", changed(0, 0), "malformed");
  program("refuse-header-place", "The header lies outside the file.", changed(0x3c, 0x7fff_ffff), "malformed");
  program("refuse-32-bit", "A 32-bit program.", changed(optionalAt, 0x10b), "malformed");
  program(
    "refuse-header-size",
    "The header is longer than the file.",
    changed(optionalAt + 60, 0x7fff_ffff),
    "malformed",
  );
  program("refuse-section-place", "A section lies outside the file.", changed(tableAt + 20, 0x7fff_ffff), "malformed");
  program("refuse-overlap", "Two sections overlap.", changed(tableAt + 40 + 20, 0x200), "malformed");
  program(
    "refuse-signature-place",
    "The signatures are not the file's end.",
    changed(optionalAt + 112 + 36, 16),
    "malformed",
  );
  program("plain", "A program without signatures.", whole);
  program("checksum", "The checksum has no part in the digest.", changed(optionalAt + 64, 0x1234_5678));
  const signed = concat(changed(optionalAt + 112 + 32, whole.length), new Uint8Array(16));
  new DataView(signed.buffer).setUint32(optionalAt + 112 + 36, 16, true);
  program("signed", "Signatures have no part in the digest.", signed);
}

function addPredictions(add: Add): void {
  const keyOf = (seed: number): ReturnType<typeof createPrivateKey> =>
    createPrivateKey({
      key: concat(fromHex("302e020100300506032b657004220420"), new Uint8Array(32).fill(seed)) as Buffer,
      format: "der",
      type: "pkcs8",
    });
  const [ours, foreign] = [keyOf(1), keyOf(2)];
  const trusted = [fingerprintOf(createPublicKey(ours))];
  const base = recordedBoot("secure-boot").prediction as Record<string, unknown>;
  const signedBy = (key: typeof ours, json: unknown): Uint8Array => {
    const bytes = toUtf8(typeof json === "string" ? json : JSON.stringify(json));
    const signature = sign(null, predictionToSign(bytes), key);
    return encodeSignedPrediction(bytes, [{ publicKey: createPublicKey(key), signature }]);
  };
  const prediction = (name: string, about: string, file: Uint8Array, fault?: string): void =>
    add(`prediction-${name}`, "M14", about, { operation: "prediction", input: { file: toHex(file), trusted } }, fault);
  prediction("refuse-unsigned", "No signature.", encodeSignedPrediction(toUtf8(JSON.stringify(base)), []), "malformed");
  prediction("refuse-foreign", "Signed by a key that is not trusted.", signedBy(foreign, base), "malformed");
  const bytes = toUtf8(JSON.stringify(base));
  const foreignSignature = sign(null, predictionToSign(bytes), foreign);
  prediction(
    "refuse-signature",
    "A trusted key's name beside another's signature.",
    encodeSignedPrediction(bytes, [{ publicKey: createPublicKey(ours), signature: foreignSignature }]),
    "malformed",
  );
  prediction(
    "refuse-purpose",
    "A signature over the prediction alone.",
    encodeSignedPrediction(bytes, [{ publicKey: createPublicKey(ours), signature: sign(null, bytes, ours) }]),
    "malformed",
  );
  const spoilt: readonly (readonly [string, string, unknown])[] = [
    ["format", "Another format.", { ...base, format: "piccolo boot prediction 2" }],
    ["field", "A field too many.", { ...base, trust: true }],
    ["programs", "One program.", { ...base, programs: [(base["programs"] as string[])[0]] }],
    ["digest", "A digest in capitals.", { ...base, kernel: String(base["kernel"]).toUpperCase() }],
    ["number", "Release 0.", { ...base, number: 0 }],
    [
      "section-twice",
      "A section twice.",
      { ...base, sections: [...(base["sections"] as object[]), (base["sections"] as object[])[0]] },
    ],
    ["json", "No JSON.", "prediction"],
  ];
  for (const [name, about, json] of spoilt) prediction(`refuse-${name}`, about, signedBy(ours, json), "malformed");
  prediction("signed", "Signed by a trusted key.", signedBy(ours, base));
  prediction(
    "signed-by-both",
    "Signed by the next key, too, while keys are replaced.",
    encodeSignedPrediction(bytes, [
      { publicKey: createPublicKey(foreign), signature: foreignSignature },
      { publicKey: createPublicKey(ours), signature: sign(null, predictionToSign(bytes), ours) },
    ]),
  );
}

/** All vectors, with what they expect: faults as given, values as this implementation has them. */
export function cases(): VectorSet {
  const set: VectorSet = {};
  const add: Add = (name, rule, about, operation, fault) => {
    let expect: unknown;
    try {
      expect = answer(operation as Operation);
    } catch (error) {
      if (!isFault(error)) throw error;
      expect = { fault: error.code };
    }
    const found = (expect as { fault?: string }).fault;
    if (found !== fault) throw new Error(`${name}: ${found ?? "no fault"} instead of ${fault ?? "none"}`);
    set[name] = { spec: "measured-boot/1", rule, about, ...operation, expect } as Vector;
  };
  addForms(add);
  addAttacks(add);
  addExplanations(add);
  addSecureBoots(add);
  addKeyLists(add);
  addVolumes(add);
  addImages(add);
  addPredictions(add);
  return set;
}
