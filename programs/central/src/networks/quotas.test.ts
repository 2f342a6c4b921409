/** What central gives room to of the members' logs: everybody's together, and of each network a share that nobody takes. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { certifyDevice } from "@piccolo/envelope";
import { replaceDevice } from "@piccolo/membership";
import { CentralUnderTest } from "../../test-support/central.ts";
import { answers, codeOf, foundNetwork } from "../../test-support/owners.ts";
import { productionLimits } from "../limits.ts";

const logShareBytes = 2_000;

async function scene(context: TestContext, seed: string, logTotalBytes: number) {
  const limits = { logTotalBytes, logShareBytes };
  const central = await new CentralUnderTest(seed, { limits }).start();
  context.after(() => central.end());
  return central;
}

test("the logs of all are bounded together, over a restart, and whoever was there first goes on in their share", async (context) => {
  const central = await scene(context, "logs of all", 2 * logShareBytes);
  const [ada, bela, eve, kim] = central.owners("Ada", "Bela", "Eve", "Kim");
  assert.ok(ada !== undefined && bela !== undefined && eve !== undefined && kim !== undefined);
  const network = await foundNetwork([ada]);
  await foundNetwork([eve]);
  await kim.register();
  await assert.rejects(kim.client.found(kim.firstEntry()), {
    code: "quota-reached",
    details: { what: "total-bytes", limit: 4_000, status: 409 },
  });
  await central.stop();
  await central.start();
  await answers(kim);
  assert.equal(await codeOf(() => kim.client.found(kim.firstEntry())), "quota-reached");
  await bela.register();
  await bela.join(network, ada.invite(await ada.state(network)));
  assert.equal((await ada.state(network)).members.size, 2);
});

test("a long log ends where the room of all does, and takes nothing of another's share", async (context) => {
  const central = await scene(context, "a long log", 3 * logShareBytes);
  const [ada, eve, bob] = central.owners("Ada", "Eve", "Bob");
  assert.ok(ada !== undefined && eve !== undefined && bob !== undefined);
  const network = await foundNetwork([ada]);
  const long = await foundNetwork([eve]);
  const replace = async (deviceEpoch: number): Promise<void> => {
    const device = certifyDevice(eve.keys, central.world.randomBytes(32), deviceEpoch);
    const state = await eve.state(long);
    await eve.client.append(long, replaceDevice({ state, ownerKeys: eve.keys, device, world: central.world }));
  };
  let epoch = 2;
  while ((await codeOf(() => replace(epoch))) === "no fault" && epoch < 40) epoch++;
  assert.equal(await codeOf(() => replace(epoch)), "quota-reached");
  const log = await eve.client.readLog(long, 0);
  const bytes = log.reduce((sum, entry) => sum + entry.length, 0);
  assert.ok(bytes > logShareBytes && bytes <= 2 * logShareBytes, `${bytes} bytes`);
  await bob.register();
  await bob.join(network, ada.invite(await ada.state(network)));
  assert.equal((await ada.state(network)).members.size, 2);
});

test("an account founds few networks", () => {
  assert.ok(productionLimits.networksPerAccount <= 4);
  assert.ok(productionLimits.logTotalBytes / productionLimits.logShareBytes >= 100_000);
});
