import assert from "node:assert/strict";
import { test } from "node:test";
import { TestDevice, password, refusedWith } from "../../test-support/device.ts";
import { createOwner, ownerPassword } from "../../test-support/owner.ts";

test("verbs that wait behind another when the device closes are refused, and write nothing", async (context) => {
  const { security, keyring } = await createOwner(context);
  const before = keyring.slots();
  const slow = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<undefined>();
  const running = security.alone(() => {
    begun.resolve(undefined);
    return slow.promise;
  });
  await begun.promise;
  const change = (): Promise<void> =>
    security.alone(async () => security.changePassword(await keyring.openRoot(ownerPassword), "another password"));
  const queued = change();
  let closed = false;
  const closing = security.close().then(() => (closed = true));
  const late = change();
  await new Promise(setImmediate);
  assert.ok(!closed, "the verb that runs is waited for");
  slow.resolve("done");
  assert.equal(await running, "done");
  await assert.rejects(queued, { code: "stopping" });
  await assert.rejects(late, { code: "stopping" });
  await closing;
  assert.deepEqual(keyring.slots(), before);
  (await keyring.openRoot(ownerPassword)).erase();
});

test("a password change that waits when the device closes is refused, and the password stays", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const { inside } = device;
  const { security } = inside;
  const slow = Promise.withResolvers<undefined>();
  const running = security.alone(() => slow.promise);
  const asked = Promise.withResolvers<undefined>();
  const alone = security.alone.bind(security);
  security.alone = (work) => {
    asked.resolve(undefined);
    return alone(work);
  };
  const reply = owner.send("POST", "/session/password", { oldPassword: password, newPassword: "another good one" });
  await asked.promise;
  const closing = inside.close();
  slow.resolve(undefined);
  await Promise.all([running, closing]);
  refusedWith(await reply, 503, "stopping");
  await device.stop();
  await device.start();
  await device.client().signIn();
});

test("a claim that is under way when the device closes is whole before anything is closed", async (context) => {
  const device = await TestDevice.start(context);
  const { inside } = device;
  const { security } = inside;
  const begun = Promise.withResolvers<undefined>();
  const claim = security.claim.bind(security);
  security.claim = (...given) => {
    begun.resolve(undefined);
    return claim(...given);
  };
  const claiming = device.client().claim();
  await begun.promise;
  await inside.close();
  await claiming;
  await device.stop();
  await device.start();
  await device.client().signIn();
});
