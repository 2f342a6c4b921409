import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutDescriptors } from "../../../test-support/no-descriptors.ts";
import { createLog } from "../log.ts";
import { NftFirewall } from "./nft-firewall.ts";

test("rules that cannot be set, since there is no descriptor left, are a fault that says why", async (context) => {
  withoutDescriptors(context);
  const lines: string[] = [];
  const log = createLog(
    (line) => lines.push(line),
    () => 0,
  );
  await assert.rejects(new NftFirewall("piccolo-test", log).remove(), { code: "firewall-failed" });
  assert.match(lines.join("\n"), /EMFILE/);
});
