import { concat, toHex } from "@piccolo/bytes";
import { argon2id, leastCost } from "./argon2id.ts";
import * as cast from "./slot-cast.ts";
import { changed } from "./slot-cast.ts";
import type { AddCase, SlotOperation } from "./slot-vector.ts";
import { sealPasswordSlot } from "../src/password-slot.ts";
import type { Phrase } from "../src/phrase.ts";
import { type SealedSlot, verifySealedSlot } from "../src/phrase-slot.ts";
import { encodeSlotDetails } from "../src/slot-details.ts";

const account = toHex(cast.keys.account);

export function phraseCases(add: AddCase): void {
  const parse = (name: string, rule: string, about: string, text: string, fault?: string): void => {
    const derived = (phrase: Phrase): { locator: string; locatorKey: string; slotKey: string } => ({
      locator: toHex(phrase.locator),
      locatorKey: toHex(phrase.locatorKey.publicKey),
      slotKey: toHex(phrase.slotKey()),
    });
    const expect = fault === undefined ? derived(cast.phrase) : { fault };
    add(`phrase-${name}`, rule, about, { operation: "parse-phrase", input: { text }, expect });
  };
  const { words } = cast;
  const swapped = [words[1], words[0], ...words.slice(2)].join(" ");
  parse("empty", "S3", "No words at all.", "", "phrase-length");
  parse("short", "S3", "A word too few.", words.slice(1).join(" "), "phrase-length");
  parse("long", "S3", "A word too many.", [...words, "zoo"].join(" "), "phrase-length");
  parse("very-long", "S3", "More text than any phrase has.", "zoo ".repeat(600), "phrase-length");
  parse("misspelt", "S3", "A word that is not in the list.", ["zooo", ...words.slice(1)].join(" "), "phrase-misspelt");
  const threeLetters = ["aba", ...words.slice(1)].join(" ");
  parse("three-letters", "S2", "Three letters do not stand for a word.", threeLetters, "phrase-misspelt");
  parse("swapped", "S3", "Two words in the wrong order.", swapped, "phrase-checksum");
  parse(
    "other-word",
    "S3",
    "A word of the list in place of another.",
    `${words.slice(1).join(" ")} zoo`,
    "phrase-checksum",
  );
  parse("words", "S4", "The keys that 24 words give.", words.join(" "));
  const shouted = `  ${words.map((word, at) => `${at + 1}. ${word.toUpperCase()}`).join(",\n\t")}  `;
  parse("as-printed", "S2", "Numbers, commas, capitals and line ends do not matter.", shouted);
  const beginnings = words.map((word) => word.slice(0, 4)).join(" ");
  parse("beginnings", "S2", "Four letters stand for their word.", beginnings);
}

export async function passwordSlotCases(add: AddCase): Promise<void> {
  type Input = Extract<SlotOperation, { readonly operation: "open-password-slot" }>["input"];
  const { passwordSlot, password } = cast;
  const input: Input = {
    slot: toHex(passwordSlot),
    password,
    pepper: toHex(cast.pepper),
    account,
    floor: leastCost,
  };
  const refuse = (name: string, rule: string, about: string, over: Partial<Input>, fault = "wrong-password"): void => {
    add(`password-${name}`, rule, about, {
      operation: "open-password-slot",
      input: { ...input, ...over },
      expect: { fault },
    });
  };
  const slotWith = (bytes: Uint8Array): Partial<Input> => ({ slot: toHex(bytes) });
  refuse("wrong", "S10", "A wrong password.", { password: "correct horse" });
  refuse("other-pepper", "S10", "The slot of a device with another TPM.", { pepper: toHex(changed(cast.pepper, 0)) });
  refuse("other-account", "S10", "The slot of another account.", { account: toHex(cast.otherKeys.account) });
  refuse("empty", "S10", "No bytes at all.", slotWith(new Uint8Array(0)));
  refuse("short", "S10", "A byte too few.", slotWith(passwordSlot.subarray(0, -1)));
  refuse("long", "S10", "A byte too many.", slotWith(concat(passwordSlot, new Uint8Array(1))));
  refuse("unknown-format", "S10", "A format that does not exist.", slotWith(changed(passwordSlot, 0, 3)));
  refuse("renamed-account", "S10", "The account in the slot is changed.", {
    ...slotWith(changed(passwordSlot, 1)),
    account: toHex(changed(passwordSlot, 1).subarray(1, 33)),
  });
  refuse("renamed-epoch", "S10", "The epoch in the slot is changed.", slotWith(changed(passwordSlot, 36, 2)));
  refuse("changed-passes", "S10", "The cost in the slot is changed.", slotWith(changed(passwordSlot, 44, 3)));
  refuse(
    "huge-memory",
    "S9",
    "A slot that asks for more memory than allowed.",
    slotWith(changed(passwordSlot, 37, 128)),
  );
  refuse("changed-salt", "S10", "One bit of the salt is changed.", slotWith(changed(passwordSlot, 46)));
  refuse("changed-commitment", "S10", "One bit of the commitment is changed.", slotWith(changed(passwordSlot, 78)));
  refuse("changed-root", "S10", "One bit of the sealed root is changed.", slotWith(changed(passwordSlot, 110)));
  refuse("changed-tag", "S10", "One bit of the tag is changed.", slotWith(changed(passwordSlot, 157)));
  refuse(
    "too-cheap",
    "S9",
    "A slot that asks for less than the floor.",
    { floor: { ...leastCost, memoryKiB: 16 } },
    "slot-too-cheap",
  );
  add("password", "S8", "The password opens the slot.", {
    operation: "open-password-slot",
    input,
    expect: { root: toHex(cast.root), account, epoch: 1 },
  });
  add("password-decomposed", "S7", "The same password in another normal form of Unicode.", {
    operation: "open-password-slot",
    input: { ...input, password: password.normalize("NFD") },
    expect: { root: toHex(cast.root), account, epoch: 1 },
  });
  const laterSlot = await sealPasswordSlot({
    root: cast.laterRoot,
    account: cast.keys.account,
    epoch: 2,
    cost: { memoryKiB: 64, passes: 2, parallelism: 2 },
    floor: leastCost,
    password: "",
    pepper: cast.pepper,
    argon2: argon2id,
    world: cast.world,
  });
  add("password-later-epoch", "S8", "A slot of a later epoch, with another cost and an empty password.", {
    operation: "open-password-slot",
    input: { ...input, ...slotWith(laterSlot), password: "" },
    expect: { root: toHex(cast.laterRoot), account, epoch: 2 },
  });
}

function facts(slot: SealedSlot): Extract<SlotOperation, { readonly operation: "verify-slot" }>["expect"] {
  return {
    locator: toHex(slot.locator),
    locatorKey: toHex(slot.locatorKey),
    account: toHex(slot.account),
    epoch: slot.epoch,
    ownerPublicKey: toHex(slot.ownerPublicKey),
    number: slot.number,
    forgetBelow: slot.forgetBelow,
  };
}

/** Offsets in a slot of a first epoch. */
const at = {
  firstOwner: 1,
  rotations: 33,
  locatorKey: 34,
  wrappedRoot: 66,
  locatorSignature: 146,
  number: 217,
  forgetBelow: 225,
  details: 230,
};

export function phraseSlotCases(add: AddCase): void {
  const { slot, laterSlot } = cast;
  const verify = (name: string, rule: string, about: string, bytes: Uint8Array, fault?: string): void => {
    const expect = fault === undefined ? facts(verifySealedSlot(bytes)) : { fault };
    add(`slot-${name}`, rule, about, { operation: "verify-slot", input: { slot: toHex(bytes) }, expect });
  };
  verify("empty", "S18", "No bytes at all.", new Uint8Array(0), "malformed");
  verify("short", "S18", "A byte too few.", slot.subarray(0, -1), "malformed");
  verify("long", "S18", "A byte too many.", concat(slot, new Uint8Array(1)), "malformed");
  verify("unknown-format", "S18", "A format that does not exist.", changed(slot, 0, 3), "malformed");
  verify("too-many-rotations", "S26", "More rotations than allowed.", changed(slot, at.rotations, 0x80), "malformed");
  verify("no-number", "S12", "Number 0.", changed(slot, at.number, 1), "malformed");
  verify("forgets-itself", "S12", "It tells keepers to forget itself.", changed(slot, at.forgetBelow, 2), "malformed");
  verify("other-owner", "S17", "The owner key is changed.", changed(slot, at.firstOwner), "damaged-slot");
  verify("other-locator-key", "S17", "The locator key is changed.", changed(slot, at.locatorKey), "damaged-slot");
  verify("changed-root", "S17", "The wrapped root is changed.", changed(slot, at.wrappedRoot), "damaged-slot");
  verify("changed-number", "S17", "A higher number.", changed(slot, at.number, 2), "damaged-slot");
  verify("changed-details", "S17", "The details are changed.", changed(slot, at.details + 40), "damaged-slot");
  verify(
    "changed-signature",
    "S17",
    "The owner's signature is changed.",
    changed(slot, slot.length - 1),
    "damaged-slot",
  );
  verify(
    "later-changed-rotation",
    "S26",
    "A signature of the rotation is changed.",
    changed(laterSlot, 70),
    "damaged-slot",
  );
  verify("first", "S12", "A slot of the first epoch.", slot);
  verify("renewed", "S20", "The same phrase's slot with renewed details.", cast.renewedSlot);
  verify("later", "S12", "The slot of a later epoch, the old one beside it.", laterSlot);

  const open = (
    name: string,
    about: string,
    over: { phrase?: string; account?: string; slot?: string },
    fault: string,
  ): void => {
    add(`open-slot-${name}`, "S19", about, {
      operation: "open-phrase-slot",
      input: { slot: toHex(slot), phrase: cast.words.join(" "), account, ...over },
      expect: { fault },
    });
  };
  open("other-phrase", "A valid phrase, but of another slot.", { phrase: cast.laterWords.join(" ") }, "phrase-unknown");
  open("other-account", "The phrase's slot of another account.", { slot: toHex(cast.otherSlot) }, "wrong-account");
  open("old-phrase", "The phrase of the epoch before.", { slot: toHex(cast.finalSlot) }, "phrase-unknown");
  add("open-slot", "S19", "The phrase opens its slot.", {
    operation: "open-phrase-slot",
    input: { slot: toHex(slot), phrase: cast.words.join(" "), account },
    expect: { root: toHex(cast.root), epoch: 1, details: toHex(encodeSlotDetails(cast.details)) },
  });
  add("open-slot-later", "S19", "The new phrase opens the slot of a re-key, with the root before.", {
    operation: "open-phrase-slot",
    input: { slot: toHex(laterSlot), phrase: cast.laterWords.join(" "), account },
    expect: {
      root: toHex(cast.laterRoot),
      epoch: 2,
      details: toHex(encodeSlotDetails({ ...cast.details, previousRoots: [cast.previousRoot] })),
    },
  });
}

export function keepingCases(add: AddCase): void {
  const { slot, renewedSlot, laterSlot, finalSlot, otherSlot } = cast;
  type Expect = Extract<SlotOperation, { readonly operation: "decide-slot" }>["expect"];
  const decide = (name: string, about: string, kept: Uint8Array[], incoming: Uint8Array, expect: Expect): void => {
    add(`keep-${name}`, "S21", about, {
      operation: "decide-slot",
      input: { kept: kept.map((bytes) => toHex(bytes)), incoming: toHex(incoming) },
      expect,
    });
  };
  const refuse = (reason: string): Expect => ({ decision: "refuse", reason });
  const forget = (...slots: Uint8Array[]): Expect => ({ decision: "keep", forget: slots.map((bytes) => toHex(bytes)) });
  decide("older", "A lower number than that kept.", [renewedSlot], slot, refuse("old-number"));
  decide("old-epoch", "A slot of the epoch before.", [finalSlot], renewedSlot, refuse("old-epoch"));
  decide("taken", "A locator at which another account's slot lies.", [otherSlot], slot, refuse("locator-taken"));
  decide("again", "The very slot that is kept.", [slot], slot, { decision: "kept-already" });
  decide("first", "The first slot of an account.", [], slot, forget());
  decide("renewed", "Renewed details take the place of the older.", [slot], renewedSlot, forget(slot));
  decide("window", "During a re-key both slots are kept.", [renewedSlot], laterSlot, forget());
  decide(
    "end",
    "The end of a re-key: the old slot goes.",
    [renewedSlot, laterSlot],
    finalSlot,
    forget(renewedSlot, laterSlot),
  );
}
