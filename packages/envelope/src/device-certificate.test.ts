import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { certifyDevice, verifyDeviceCertificate } from "./device-certificate.ts";
import { newRootSecret } from "./key-tree.ts";
import { deriveOwnerKeys } from "./owner-keys.ts";

const world = new SeededWorld("device-certificate");
const owner = deriveOwnerKeys(newRootSecret(world), 1);
const certificate = certifyDevice(owner, world.randomBytes(32), 3);

test("a certificate is worth nothing for another device, device epoch, account or owner", () => {
  const other = deriveOwnerKeys(newRootSecret(world), 1);
  assert.ok(!verifyDeviceCertificate(owner, { ...certificate, deviceKey: world.randomBytes(32) }));
  assert.ok(!verifyDeviceCertificate(owner, { ...certificate, deviceEpoch: 4 }));
  assert.ok(!verifyDeviceCertificate(other, certificate));
  assert.ok(!verifyDeviceCertificate({ ...owner, account: other.account }, certificate));
  assert.ok(!verifyDeviceCertificate({ ...other, account: owner.account }, certificate));
  assert.ok(!verifyDeviceCertificate(owner, { ...certificate, signature: new Uint8Array(64) }));
});

test("a certificate of the owner's device is accepted", () => {
  assert.ok(verifyDeviceCertificate(owner, certificate));
});
