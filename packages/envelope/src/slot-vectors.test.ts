import { ByteReader, fromHex, toHex } from "@piccolo/bytes";
import { readVectors, testVectors } from "../../../tools/vectors.ts";
import { argon2id } from "../test-support/argon2id.ts";
import type { MetadataInput, SlotFacts, SlotOperation, SlotVector } from "../test-support/slot-vector.ts";
import { slotVectors } from "../test-support/slot-vectors.ts";
import type { KeysInput } from "../test-support/vector.ts";
import { hpkeSeal } from "./hpke.ts";
import { type MetadataContext, openMetadata } from "./metadata-seal.ts";
import { deriveOwnerKeys, type OwnerKeys } from "./owner-keys.ts";
import { readOwnerChain, verifyRotationChain } from "./owner-rotation.ts";
import { sizeClass } from "./padding.ts";
import { openPasswordSlot } from "./password-slot.ts";
import { parsePhrase } from "./phrase.ts";
import { openPhraseSlot, type SealedSlot, verifySealedSlot } from "./phrase-slot.ts";
import { verifyAccountProof, verifyLocatorProof } from "./recovery-proof.ts";
import { unwrapPreviousRoot, unwrapVolumeKey } from "./root-wraps.ts";
import { encodeSlotDetails } from "./slot-details.ts";
import { decideSlot } from "./slot-keeping.ts";
import { decodeSlotList } from "./slot-list.ts";

const hexOrNull = (bytes: Uint8Array | undefined): string | null => (bytes === undefined ? null : toHex(bytes));

function keysOf({ rootSecret, epoch, account }: KeysInput): OwnerKeys {
  return deriveOwnerKeys(fromHex(rootSecret), epoch, account === null ? undefined : fromHex(account));
}

function factsOf(slot: SealedSlot): SlotFacts {
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

function contextOf(input: MetadataInput): MetadataContext {
  const { epoch, sequence, kind, schemaVersion } = input;
  const bytes = { account: fromHex(input.account), previousHash: fromHex(input.previousHash) };
  return { epoch, sequence, kind, schemaVersion, ...bytes };
}

function decided({ kept, incoming }: { readonly kept: readonly string[]; readonly incoming: string }): unknown {
  const slots = kept.map((hex) => ({ hex, slot: verifySealedSlot(fromHex(hex)) }));
  const verdict = decideSlot(
    slots.map(({ slot }) => slot),
    verifySealedSlot(fromHex(incoming)),
    kept.includes(incoming),
  );
  if (verdict.decision !== "keep") return verdict;
  return { decision: "keep", forget: verdict.forget.map((slot) => slots.find((each) => each.slot === slot)?.hex) };
}

/** What this implementation answers to a vector, in the form of its `expect`. */
async function answer(vector: SlotOperation): Promise<unknown> {
  switch (vector.operation) {
    case "parse-phrase": {
      const phrase = parsePhrase(vector.input.text);
      const { locator, locatorKey } = phrase;
      return {
        locator: toHex(locator),
        locatorKey: toHex(locatorKey.publicKey),
        slotKey: toHex(phrase.slotKey()),
      };
    }
    case "open-password-slot": {
      const { slot, password, pepper, account, floor } = vector.input;
      const secrets = { password, pepper: fromHex(pepper), account: fromHex(account) };
      const opened = await openPasswordSlot(fromHex(slot), { ...secrets, floor, argon2: argon2id });
      return { root: toHex(opened.root()), account: toHex(opened.account), epoch: opened.epoch };
    }
    case "verify-slot":
      return factsOf(verifySealedSlot(fromHex(vector.input.slot)));
    case "open-phrase-slot": {
      const { slot, phrase, account } = vector.input;
      const { opened, details, epoch } = openPhraseSlot(fromHex(slot), parsePhrase(phrase), fromHex(account));
      return { root: toHex(opened.root()), epoch, details: toHex(encodeSlotDetails(details)) };
    }
    case "decide-slot":
      return decided(vector.input);
    case "verify-rotations": {
      const reader = new ByteReader(fromHex(vector.input.chain));
      const chain = readOwnerChain(reader);
      reader.end();
      const { epoch, ownerPublicKey } = verifyRotationChain(fromHex(vector.input.account), chain);
      return { epoch, ownerPublicKey: toHex(ownerPublicKey) };
    }
    case "decode-slot-list": {
      const list = decodeSlotList(fromHex(vector.input.list), fromHex(vector.input.account));
      return {
        epoch: list.epoch,
        number: list.number,
        passwordSlot: hexOrNull(list.passwordSlot),
        phraseSlot: hexOrNull(list.phraseSlot),
        volumeSlot: hexOrNull(list.volumeSlot),
        previousRoots: list.previousRoots.map((wrapped) => toHex(wrapped)),
      };
    }
    case "unwrap-volume-key":
      return { volumeKey: toHex(unwrapVolumeKey(keysOf(vector.input), fromHex(vector.input.wrapped))) };
    case "unwrap-previous-root": {
      const opened = unwrapPreviousRoot(keysOf(vector.input), fromHex(vector.input.wrapped));
      return { root: toHex(opened.root()), epoch: opened.epoch };
    }
    case "hpke-seal": {
      const { recipient, info, associatedData, plain, ephemeralIkm } = vector.input;
      const [to, about, data, text] = [recipient, info, associatedData, plain].map((hex) => fromHex(hex));
      if (to === undefined || about === undefined || data === undefined || text === undefined) return undefined;
      const sealed = hpkeSeal(to, about, data, text, fromHex(ephemeralIkm));
      return sealed && { encapsulated: toHex(sealed.encapsulated), ciphertext: toHex(sealed.ciphertext) };
    }
    case "unwrap-fek": {
      const { wrapped, versionId } = vector.input;
      return { fek: toHex(keysOf(vector.input).unwrapFek(fromHex(wrapped), fromHex(versionId))) };
    }
    case "size-class":
      return { padded: sizeClass(vector.input.bytes) };
    case "open-metadata": {
      const { metadataKey, sealed } = vector.input;
      return { plain: toHex(openMetadata(fromHex(metadataKey), contextOf(vector.input), fromHex(sealed))) };
    }
    case "verify-locator-proof": {
      const { locator, locatorKey, signature, verifier, challenge } = vector.input;
      const audience = { verifier: fromHex(verifier), challenge: fromHex(challenge) };
      const proof = { locatorKey: fromHex(locatorKey), signature: fromHex(signature) };
      return { valid: verifyLocatorProof(fromHex(locator), proof, audience) };
    }
    case "verify-account-proof": {
      const { account, ownerPublicKey, signature, verifier, challenge } = vector.input;
      const audience = { verifier: fromHex(verifier), challenge: fromHex(challenge) };
      const owner = { account: fromHex(account), ownerPublicKey: fromHex(ownerPublicKey) };
      return { valid: verifyAccountProof(owner, fromHex(signature), audience) };
    }
    default:
      throw new Error("a vector of an unknown operation");
  }
}

testVectors(readVectors<SlotVector>("slots"), answer, () => slotVectors);
