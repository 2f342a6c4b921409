import assert from "node:assert/strict";
import { test } from "node:test";
import { drills } from "./catalogue.ts";
import { runDrill } from "./drill.ts";

for (const drill of drills) {
  test(`drill ${drill.name} passes in its small form`, async () => {
    const lines: string[] = [];
    const outcome = await runDrill(drill, {
      seed: 1,
      small: true,
      sabotage: false,
      say: (line) => lines.push(line),
    });
    assert.equal(outcome, "passed", lines.join("\n"));
  });
}
