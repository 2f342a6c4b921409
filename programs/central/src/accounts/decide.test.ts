import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { certifyDevice } from "@piccolo/envelope";
import { Owner } from "../../test-support/owners.ts";
import { checkRegistration, decideRegistration } from "./decide.ts";

const world = new SeededWorld("registration");
const ada = new Owner(world, "http://127.0.0.1:1", "Ada");
const bela = new Owner(world, "http://127.0.0.1:1", "Bela");

function claimed(owner: Owner, device = owner.device) {
  return { account: owner.account, ownerPublicKey: owner.keys.ownerPublicKey, keyEpoch: 1, chain: undefined, device };
}

test("a device key of small order is refused, however well certified", () => {
  const weak = certifyDevice(ada.keys, new Uint8Array(32), 1);
  assert.throws(() => checkRegistration(claimed(ada, weak)), { code: "certificate-refused" });
});

test("a device comes after a lower device epoch only, and a key belongs to one account", () => {
  const second = certifyDevice(ada.keys, world.randomBytes(32), 2);
  const known = claimed(ada, second);
  const register = (device: typeof second, owner?: Uint8Array) => () =>
    decideRegistration(known, claimed(ada, device), owner);
  assert.throws(register(ada.device), { code: "device-fenced" });
  assert.throws(register(certifyDevice(ada.keys, world.randomBytes(32), 2)), { code: "device-fenced" });
  assert.throws(register(certifyDevice(ada.keys, bela.deviceKey.publicKey, 3), bela.account), {
    code: "device-key-in-use",
  });
  assert.equal(register(second, ada.account)(), "nothing");
  assert.equal(register(certifyDevice(ada.keys, world.randomBytes(32), 3))(), "store");
  assert.equal(decideRegistration(undefined, claimed(ada), undefined), "store");
});
