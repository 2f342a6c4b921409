import assert from "node:assert/strict";
import { request } from "node:http";
import { type TestContext, test } from "node:test";
import { CentralUnderTest } from "../../test-support/central.ts";
import { remoteFinder } from "./remotes.ts";

async function scene(context: TestContext, seed: string, trustedProxy: string | undefined): Promise<CentralUnderTest> {
  const limits = { recoveriesPerRemote: { burst: 2, perSecond: 0.001 } };
  const central = await new CentralUnderTest(seed, { limits, trustedProxy }).start();
  context.after(() => central.end());
  return central;
}

/** The status of a call that has a bucket of its own for each remote, with these lines of the header. */
function call(central: CentralUnderTest, ...forwarded: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const url = `${central.origin}/v1/recovery/challenge`;
    const headers = { "content-type": "application/json", "x-forwarded-for": [...forwarded] };
    const sent = request(url, { method: "POST", headers }, (reply) => {
      reply.resume();
      reply.once("end", () => resolve(reply.statusCode ?? 0));
    });
    sent.once("error", reject);
    sent.end();
  });
}

async function calls(central: CentralUnderTest, ...each: readonly (readonly string[])[]): Promise<readonly number[]> {
  const codes: number[] = [];
  for (const forwarded of each) codes.push(await call(central, ...forwarded));
  return codes;
}

test("behind the trusted proxy each address that it forwards for has a bucket of its own", async (context) => {
  const central = await scene(context, "proxy", "127.0.0.1");
  assert.deepEqual(await calls(central, ["192.0.2.1"], ["192.0.2.1"], ["192.0.2.1"]), [200, 200, 429]);
  assert.deepEqual(await calls(central, ["192.0.2.2"], ["2001:db8::1"]), [200, 200]);
  // What the caller wrote into the header stands before what the proxy added, on the same line or another one.
  assert.deepEqual(await calls(central, ["192.0.2.9, 192.0.2.1"], ["192.0.2.9", "192.0.2.1"]), [429, 429]);
});

test("a header from anybody else changes nothing", async (context) => {
  for (const trusted of [undefined, "192.0.2.77"]) {
    const central = await scene(context, `no proxy ${trusted}`, trusted);
    assert.deepEqual(await calls(central, ["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3"]), [200, 200, 429]);
  }
});

test("what the proxy forwards counts only as an address, and the proxy is known however it is written", () => {
  const remote = remoteFinder("2001:db8::5");
  assert.equal(remote("2001:0db8:0:0::5", "192.0.2.1"), "192.0.2.1");
  assert.equal(remote("2001:db8::6", "192.0.2.1"), "2001:db8:0:0");
  assert.equal(remote("2001:db8::5", "192.0.2.1, nonsense"), "2001:db8:0:0");
  assert.equal(remote("2001:db8::5", undefined), "2001:db8:0:0");
  assert.equal(remoteFinder("192.0.2.5")("::ffff:192.0.2.5", "::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(remoteFinder("192.0.2.5")(undefined, "192.0.2.1"), "unknown");
});
