import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { toBase64Url, toHex, toUtf8 } from "@piccolo/bytes";
import { type CentralClient, findSlot, recoveryVerifier } from "@piccolo/central-api";
import {
  deriveOwnerKeys,
  newPhrase,
  newRootSecret,
  openPhraseSlot,
  type OwnerChain,
  parsePhrase,
  type Phrase,
  proveLocator,
  sealPhraseSlot,
} from "@piccolo/envelope";
import { CentralUnderTest } from "../../test-support/central.ts";
import { answers, codeOf, Owner } from "../../test-support/owners.ts";
import { send } from "../../test-support/raw-calls.ts";

const central = new CentralUnderTest("slots");
before(() => central.start());
after(() => central.end());

/** An owner whose root is known to the test, with a phrase and the slots it seals. */
class Sealer {
  readonly owner: Owner;
  readonly root: Uint8Array;
  readonly phrase: Phrase;
  readonly chain: OwnerChain;

  constructor(at = central) {
    this.root = newRootSecret(at.world);
    this.owner = new Owner(at.world, at.origin, "Ada", deriveOwnerKeys(this.root, 1));
    this.phrase = parsePhrase(newPhrase(at.world).join(" "));
    this.chain = { firstOwnerPublicKey: this.owner.keys.ownerPublicKey, rotations: [] };
  }

  get client(): CentralClient {
    return this.owner.client;
  }

  slot(number: number, phrase = this.phrase, forgetBelow = number): Uint8Array {
    const details = { networks: [], previousRoots: [] };
    const { root, chain, owner } = this;
    return sealPhraseSlot({
      root,
      phrase,
      ownerKeys: owner.keys,
      chain,
      details,
      number,
      forgetBelow,
      world: owner.world,
    });
  }
}

const searching = (at = central) => ({ baseUrl: at.origin, fetch, world: at.world });

async function sealer(at = central): Promise<Sealer> {
  const made = new Sealer(at);
  await made.owner.register();
  return made;
}

test("a slot that is changed, another's or older is refused", async () => {
  const [ada, eve] = [await sealer(), await sealer()];
  const slot = ada.slot(5);
  assert.equal(await codeOf(() => eve.client.putSlot(slot)), "account-mismatch");
  assert.notEqual(
    await codeOf(() => ada.client.putSlot(slot.with(slot.length - 1, (slot.at(-1) ?? 0) ^ 1))),
    "no fault",
  );
  assert.equal(await codeOf(() => ada.client.putSlot(slot.subarray(1))), "malformed");
  await ada.client.putSlot(slot);
  await ada.client.putSlot(slot);
  await assert.rejects(ada.client.putSlot(ada.slot(4)), {
    code: "slot-refused",
    details: { reason: "old-number", status: 409 },
  });
  assert.equal(await codeOf(() => ada.client.putSlot(ada.slot(5))), "slot-refused", "another one of the same number");
  await assert.rejects(eve.client.putSlot(eve.slot(9, ada.phrase)), {
    code: "slot-refused",
    details: { reason: "locator-taken", status: 409 },
  });
  assert.deepEqual(await findSlot(searching(), ada.phrase), slot);
});

test("the phrase alone finds the newest slot, which opens", async () => {
  const ada = await sealer();
  await ada.client.putSlot(ada.slot(1));
  const newer = ada.slot(2);
  await ada.client.putSlot(newer);
  const found = await findSlot(searching(), ada.phrase);
  assert.deepEqual(found, newer);
  assert.deepEqual(openPhraseSlot(found, ada.phrase).opened.root(), ada.root);
});

test("both phrases find their slots while one is being replaced, and only the new one afterwards", async () => {
  const ada = await sealer();
  const next = parsePhrase(newPhrase(central.world).join(" "));
  await ada.client.putSlot(ada.slot(1));
  await ada.client.putSlot(ada.slot(2, next, 1));
  await findSlot(searching(), ada.phrase);
  await findSlot(searching(), next);
  await ada.client.putSlot(ada.slot(3, next));
  assert.equal(await codeOf(() => findSlot(searching(), ada.phrase)), "unknown-slot");
  await findSlot(searching(), next);
});

test("a slot of an owner key that was rotated away is not taken any more", async () => {
  const ada = await sealer();
  const kept = ada.slot(1);
  await ada.client.putSlot(kept);
  const { keys, rotation } = ada.owner.rekeyed();
  await ada.owner.ownerClientAt(central.origin, keys).rotateOwnerKey({ ...ada.chain, rotations: [rotation] });
  assert.equal(await codeOf(() => ada.client.putSlot(ada.slot(2))), "owner-key-rotated");
  await ada.client.putSlot(kept);
  assert.deepEqual(await findSlot(searching(), ada.phrase), kept, "the old phrase still opens the old slot");
});

test("without the key, with a used, old or invented challenge, or for another server nothing is told", async () => {
  const [ada, eve] = [await sealer(), await sealer()];
  await ada.client.putSlot(ada.slot(1));
  const host = new URL(central.origin).host;
  const challenge = async (): Promise<Uint8Array> => {
    const reply = await fetch(`${central.origin}/v1/recovery/challenge`, { method: "POST" });
    const { challenge: text } = (await reply.json()) as { challenge: string };
    return Buffer.from(text, "hex");
  };
  const search = async (given: Uint8Array, by: Phrase, at = host, locator = ada.phrase.locator): Promise<string> => {
    const { locatorKey, signature } = proveLocator(by, { verifier: recoveryVerifier(at), challenge: given });
    const parts = {
      locator: toHex(locator),
      locatorKey: toHex(locatorKey),
      challenge: toHex(given),
      signature: toBase64Url(signature),
    };
    return (await send(central, "POST", "/v1/recovery/slot", { body: toUtf8(JSON.stringify(parts)) })).code;
  };
  const taken = await challenge();
  assert.equal(await search(taken, ada.phrase), "no fault");
  assert.equal(await search(taken, ada.phrase), "challenge-refused", "taken once");
  assert.equal(await search(central.world.randomBytes(32), ada.phrase), "challenge-refused");
  assert.equal(await search(await challenge(), eve.phrase), "call-signature");
  assert.equal(await search(await challenge(), ada.phrase, "central.example"), "call-signature");
  const unknown = central.world.randomBytes(32);
  assert.equal(
    await search(await challenge(), eve.phrase, host, unknown),
    "call-signature",
    "known or not is the same",
  );
  const old = await challenge();
  await central.world.advance(120_001);
  assert.equal(await search(old, ada.phrase), "challenge-refused");
});

test("searches are limited by address, and by locator for whoever has its key", async () => {
  const limits = {
    recoveriesPerRemote: { burst: 4, perSecond: 1 },
    recoveriesPerLocator: { burst: 2, perSecond: 0.01 },
  };
  const small = await new CentralUnderTest("slot rates", { limits }).start();
  try {
    const ada = await sealer(small);
    await ada.client.putSlot(ada.slot(1));
    const stranger = parsePhrase(newPhrase(small.world).join(" "));
    await findSlot(searching(small), ada.phrase);
    await findSlot(searching(small), ada.phrase);
    assert.equal(await codeOf(() => findSlot(searching(small), ada.phrase)), "rate-limited");
    assert.equal(await codeOf(() => findSlot(searching(small), stranger)), "unknown-slot");
    assert.equal(await codeOf(() => findSlot(searching(small), stranger)), "rate-limited", "too many from one address");
    await small.world.advance(200_000);
    await findSlot(searching(small), ada.phrase);
  } finally {
    await small.end();
  }
});

test("a restart keeps slots", async () => {
  const ada = await sealer();
  const slot = ada.slot(1);
  await ada.client.putSlot(slot);
  await central.stop();
  await central.start();
  await answers(ada.owner);
  assert.deepEqual(await findSlot(searching(), ada.phrase), slot);
});
