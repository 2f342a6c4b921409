/** What an owner has on a device, files and apps, on a machine of its own. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runOnOwnMachine } from "../apps/own-machine.ts";

test("nothing of the owner's, neither files nor apps, reaches another disk, a log, a peer or central", async () => {
  const { code, said } = await runOnOwnMachine(join(import.meta.dirname, "scene-leaks.ts"), []);
  assert.equal(code, 0, said);
});
