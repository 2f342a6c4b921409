/** What a real implementation refuses, and the fault it becomes. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fromHex } from "@piccolo/bytes";
import {
  clear,
  createPrimary,
  dictionaryAttackLockReset,
  flushContext,
  getHandles,
  getProperties,
  getRandom,
  handleName,
  hash,
  nvDefineSpace,
  nvEntity,
  nvRead,
  nvReadPublic,
  nvUndefineSpace,
  nvWrite,
  permanentHandles,
  properties,
  readPublicOf,
  sha256,
  shutdown,
  storageRootTemplate,
  Tpm,
} from "@piccolo/tpm2";
import { realWorld as world } from "@piccolo/world/real";
import { defined, index, lockOut, number, owner, secret, withRoot } from "../../../test-support/tpm-fixture.ts";
import { TpmMachine } from "../../../test-support/tpm-machine.ts";
import { openSocketChannel } from "./socket-channel.ts";

suite("a TPM's refusals", () => {
  test("wrong tries at a protected object end in a lockout, which ours do not feel", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "volume");
    await machine.raw(lockOut);
    assert.equal((await machine.chip().describe()).lockout, true);
    assert.deepEqual(await machine.chip().unseal(blob), secret);
    await machine.raw((tpm) => tpm.execute(dictionaryAttackLockReset()));
    assert.equal((await machine.chip().describe()).lockout, false);
  });

  test("more objects than slots are tpm-full, and flushing one helps", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      const make = () => tpm.execute(createPrimary("null", { template: storageRootTemplate }));
      const made = [await make(), await make(), await make()];
      await assert.rejects(make(), { code: "tpm-full" });
      assert.deepEqual(
        (await tpm.execute(getHandles("transient"))).values,
        made.map(({ handle }) => handle),
      );
      await tpm.execute(flushContext(made[0]?.handle ?? 0));
      const again = await make();
      const { publicArea, name } = await tpm.execute(readPublicOf(again.handle));
      assert.deepEqual(name, again.name);
      assert.deepEqual(publicArea, again.publicArea);
    });
  });

  test("an index that is absent, there twice, unwritten or too small is told apart", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      const nv = nvEntity(defined);
      await assert.rejects(tpm.execute(nvReadPublic(defined.handle)), { code: "tpm-nv-missing" });
      await assert.rejects(tpm.execute(nvUndefineSpace(nv)), { code: "tpm-nv-missing" });
      await tpm.execute(nvDefineSpace(defined));
      await assert.rejects(tpm.execute(nvDefineSpace(defined)), { code: "tpm-nv-defined" });
      await assert.rejects(tpm.execute(nvRead(nv, nv, { offset: 0, bytes: 8 })), { code: "tpm-nv-missing" });
      await assert.rejects(tpm.execute(nvWrite(owner, nv, 4, number(1))), { code: "tpm-refused" });
      await tpm.execute(nvWrite(owner, nv, 0, number(5)));
      assert.deepEqual(await tpm.execute(nvReadPublic(defined.handle)), index);
      const written = nvEntity(index);
      assert.deepEqual(await tpm.execute(nvRead(written, written, { offset: 0, bytes: 8 })), number(5));
      await assert.rejects(tpm.execute(nvWrite(written, written, 0, number(9))), { code: "tpm-auth" });
      await tpm.execute(nvUndefineSpace(written));
      await assert.rejects(tpm.execute(nvReadPublic(defined.handle)), { code: "tpm-nv-missing" });
    });
  });

  test("a TPM that nobody started says so", async (context) => {
    const machine = await TpmMachine.start(context);
    const channel = await openSocketChannel(machine.swtpm.socketPath, { world });
    const tpm = new Tpm((command) => channel.transmit(command), world);
    await assert.rejects(tpm.execute(getRandom(16)), { code: "tpm-not-started" });
    await channel.close();
  });

  test("small questions have small answers", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      await tpm.execute(shutdown("clear"));
      assert.equal((await tpm.execute(getRandom(16))).length, 16);
      assert.deepEqual(await tpm.execute(hash(secret)), sha256(secret));
      const limits = (await tpm.execute(getProperties(properties.lockoutCounter, 2))).values;
      assert.equal(limits.get(properties.lockoutCounter), 0);
    });
  });

  test("an answer's parameter is encrypted where asked for, in a session that authorizes nothing", async (context) => {
    const machine = await TpmMachine.start(context);
    const seen: Uint8Array[] = [];
    machine.tap(async (command, transmit) => {
      const answer = await transmit(command);
      seen.push(answer.slice());
      return answer;
    });
    await machine.chip().describe();
    await machine.raw((tpm) =>
      withRoot(tpm, (root) =>
        tpm.withSession({ type: "hmac", saltKey: root }, async (session) => {
          const random = await tpm.execute(getRandom(32), { extra: [{ session, encryptsResponse: true }] });
          assert.equal(random.length, 32);
          assert.ok(seen.every((answer) => !Buffer.from(answer).includes(random)));
        }),
      ),
    );
  });

  test("after a clear nothing sealed before opens", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "pepper");
    await machine.raw((tpm) => tpm.execute(clear()));
    await assert.rejects(machine.chip().unseal(blob), { code: "tpm-other-chip" });
    const again = await machine.chip().seal(secret, "pepper");
    assert.deepEqual(await machine.chip().unseal(again), secret);
  });

  test("a name of a handle is the handle", () => {
    assert.deepEqual(handleName(permanentHandles.owner), fromHex("40000001"));
  });
});
