/** What central gives room to: one account's share, everybody's together, many small things, many callers at once. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { CentralUnderTest } from "../../test-support/central.ts";
import { bare, MetadataAuthor } from "../../test-support/metadata.ts";
import { answers, codeOf, type Owner } from "../../test-support/owners.ts";
import { authorize } from "../../test-support/raw-calls.ts";
import type { Limits } from "../limits.ts";

async function scene(context: TestContext, seed: string, limits: Partial<Limits>, names = ["Ada", "Eve"]) {
  const central = await new CentralUnderTest(seed, { limits }).start();
  context.after(() => central.end());
  const owners = central.owners(...names);
  for (const owner of owners) await owner.register();
  const network = central.world.randomBytes(32);
  const authorOf = ({ account, deviceKey }: Owner) =>
    new MetadataAuthor({ world: central.world, account, network, deviceKey });
  const [ada, eve] = owners;
  assert.ok(ada !== undefined && eve !== undefined);
  return { central, ada, eve, owners, network, authorOf };
}

const idOf = (number: number): Uint8Array => new Uint8Array(16).fill(number);

function files({ folder }: CentralUnderTest): readonly string[] {
  const vault = join(folder, "vault");
  return readdirSync(vault).flatMap((part) => readdirSync(join(vault, part)));
}

/** How often each code came. */
async function codes(calls: readonly Promise<unknown>[]): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const code of await Promise.all(calls.map((call) => codeOf(() => call)))) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

test("one account's full share takes no room from another's", async (context) => {
  const { ada, eve } = await scene(context, "quota each", { vaultBlobBytes: 1_000 });
  await ada.client.putBlob(idOf(1), new Uint8Array(1_000));
  assert.equal(await codeOf(() => ada.client.putBlob(idOf(2), new Uint8Array(1))), "quota-reached");
  await eve.client.putBlob(idOf(1), new Uint8Array(1_000).fill(1));
  assert.deepEqual(await ada.client.getBlob(idOf(1)), new Uint8Array(1_000));
});

test("what all have together is bounded, over a restart, and room that is given back is room again", async (context) => {
  const { central, ada, eve, network, authorOf } = await scene(context, "quota total", { vaultTotalBytes: 10_000 });
  await ada.client.putBlob(idOf(1), new Uint8Array(4_000));
  const author = authorOf(ada);
  await ada.client.appendToVault(network, [bare(author.add(3_000))]);
  await assert.rejects(eve.client.putBlob(idOf(1), new Uint8Array(4_000)), {
    code: "quota-reached",
    details: { what: "total-bytes", limit: 10_000, status: 409 },
  });
  await central.stop();
  await central.start();
  await answers(eve);
  const own = authorOf(eve);
  assert.equal(await codeOf(() => eve.client.appendToVault(network, [bare(own.draft(3_000))])), "quota-reached");
  await eve.client.appendToVault(network, [bare(own.add(1_000))]);
  await ada.client.deleteBlob(idOf(1));
  await eve.client.putBlob(idOf(1), new Uint8Array(4_000));
  // A checkpoint is counted with what it takes the place of gone.
  await ada.client.appendToVault(network, [bare(author.add(3_500, { kind: "checkpoint", sequence: 2 }))]);
  assert.equal(files(central).length, 1);
});

test("many small entries and segments are bounded by their number", async (context) => {
  const limits = { vaultBlobs: 20, vaultEntries: 20, perAccount: { burst: 1_000, perSecond: 1_000 } };
  const { ada, network, authorOf } = await scene(context, "quota small", limits);
  const puts = Array.from({ length: 30 }, (_, at) => ada.client.putBlob(idOf(at), new Uint8Array(1)));
  assert.deepEqual(await codes(puts), { "no fault": 20, "quota-reached": 10 });
  assert.equal((await ada.client.listBlobs()).length, 20);
  const author = authorOf(ada);
  const entries = Array.from({ length: 21 }, () => bare(author.add(1)));
  assert.equal(await codeOf(() => ada.client.appendToVault(network, entries)), "quota-reached");
  assert.equal((await ada.client.vaultState(network)).sequence, 20, "those before the one too many stay");
});

test("callers at once never get more room together than there is, and leave no file behind", async (context) => {
  const limits = { vaultTotalBytes: 50_000, largeBodies: 64, largeBodiesPerRemote: 64 };
  const names = ["Ada", "Eve", "Bob", "Kim"];
  const { central, owners } = await scene(context, "quota at once", limits, names);
  const puts = owners.flatMap(({ client }) =>
    Array.from({ length: 8 }, (_, at) => client.putBlob(idOf(at), new Uint8Array(5_000))),
  );
  assert.deepEqual(await codes(puts), { "no fault": 10, "quota-reached": 22 });
  assert.equal(files(central).length, 10);
  const lists = await Promise.all(owners.map(({ client }) => client.listBlobs()));
  assert.equal(lists.flat().length, 10);
});

test("the same segment brought many times at once is kept and counted once", async (context) => {
  const limits = { vaultBlobBytes: 5_000, largeBodies: 64, largeBodiesPerRemote: 64 };
  const { central, ada } = await scene(context, "quota same", limits);
  const puts = Array.from({ length: 20 }, () => ada.client.putBlob(idOf(1), new Uint8Array(5_000)));
  assert.deepEqual(await codes(puts), { "no fault": 20 });
  assert.equal(files(central).length, 1);
});

test("bodies under way are bounded for one remote, and those over it are told to come later", async (context) => {
  const { central, ada } = await scene(context, "quota bodies", { largeBodies: 2, largeBodiesPerRemote: 2 });
  const puts = Array.from({ length: 12 }, (_, at) => ada.client.putBlob(idOf(at), new Uint8Array(4_000_000)));
  const { "no fault": taken = 0, "rate-limited": later = 0 } = await codes(puts);
  assert.ok(taken >= 2 && later > 0 && taken + later === 12);
  assert.equal(files(central).length, taken);
});

test("a stranger who begins bodies and never ends them keeps no member from bringing theirs", async (context) => {
  const { central, ada } = await scene(context, "quota strangers", { largeBodies: 2, largeBodiesPerRemote: 2 });
  const target = `${central.origin}/v1/blobs/${"00".repeat(16)}`;
  const nobody = central.owner("Nobody");
  const authorization = authorize(central, nobody, { method: "PUT", target: new URL(target).pathname });
  for (const headers of [{}, { authorization }]) {
    for (let each = 0; each < 2; each++) {
      const begun = request(target, { method: "PUT", headers: { ...headers, "transfer-encoding": "chunked" } });
      context.after(() => begun.destroy());
      begun.on("error", () => undefined);
      await new Promise<void>((resolve) => begun.write("a begin", () => resolve()));
    }
    // Their heads have come by the time this is answered.
    await ada.client.time();
    await ada.client.putBlob(idOf(1), new Uint8Array(4_000_000));
  }
});
