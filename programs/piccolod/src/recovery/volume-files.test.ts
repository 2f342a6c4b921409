import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { toUtf8 } from "@piccolo/bytes";
import { certifyDevice, deriveOwnerKeys } from "@piccolo/envelope";
import { realWorld as world } from "@piccolo/world/real";
import { DurableFolder } from "../adapters/state-folder.ts";
import { openDeviceKey } from "../auth/device-key.ts";
import { writeIdentity } from "../security/identity.ts";
import { nextDeviceKey, takeNextDeviceKey } from "./next-device-key.ts";
import { StalenessStore } from "./staleness.ts";

function folder(context: TestContext): DurableFolder {
  const path = mkdtempSync(join(tmpdir(), "piccolo-recovery-files-"));
  context.after(() => rmSync(path, { recursive: true }));
  return new DurableFolder(path);
}

test("what may be stale is known over restarts, a damaged file says no less, and settling removes it", (context) => {
  const content = folder(context);
  const store = new StalenessStore(content);
  assert.equal(store.read(), undefined);
  const staleness = { answered: 1, needed: 3, newestAtMs: 7 };
  store.write(staleness);
  assert.deepEqual(new StalenessStore(content).read(), staleness);
  content.write("recovery-stale", toUtf8("{"));
  assert.deepEqual(store.read(), { answered: 0, needed: 1, newestAtMs: null });
  store.write(undefined);
  assert.equal(store.read(), undefined);
});

test("the next device key is the same at every try, and takes its place once the identity names it", (context) => {
  const content = folder(context);
  const before = openDeviceKey(content, world);
  const next = nextDeviceKey(content, world);
  assert.deepEqual(nextDeviceKey(content, world).seed, next.seed);
  takeNextDeviceKey(content, world);
  const keys = deriveOwnerKeys(new Uint8Array(32).fill(1), 1);
  const identity = (publicKey: Uint8Array, deviceEpoch: number) => ({
    name: "Ada",
    account: keys.account,
    ownerPublicKey: keys.ownerPublicKey,
    filePublicKey: keys.filePublicKey,
    epoch: 1,
    certificate: certifyDevice(keys, publicKey, deviceEpoch),
    metadataKey: keys.metadataKey(),
    formerMetadataKeys: [],
    passwordChangedAtMs: 0,
    phraseMadeAtMs: 0,
    phraseConfirmed: true,
  });
  writeIdentity(content, identity(before.key.publicKey, 1));
  takeNextDeviceKey(content, world);
  assert.deepEqual(
    openDeviceKey(content, world).seed,
    before.seed,
    "the power was cut before the identity was written",
  );
  writeIdentity(content, identity(next.key.publicKey, 2));
  takeNextDeviceKey(content, world);
  assert.deepEqual(openDeviceKey(content, world).seed, next.seed);
  takeNextDeviceKey(content, world);
  assert.notDeepEqual(nextDeviceKey(content, world).seed, next.seed, "a key serves one device epoch");
});
