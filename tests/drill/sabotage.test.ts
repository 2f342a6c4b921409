import assert from "node:assert/strict";
import { test } from "node:test";
import { drills } from "./catalogue.ts";
import { runDrill } from "./drill.ts";

for (const drill of drills) {
  test(`drill ${drill.name} fails when its healing step is left out`, async () => {
    const lines: string[] = [];
    const outcome = await runDrill(drill, { seed: 2, small: true, sabotage: true, say: (line) => lines.push(line) });
    // Sabotage must be caught by a check behind the fault, not by something that broke before it.
    assert.equal(outcome, "failed", lines.join("\n"));
    assert.match(lines.at(-1) ?? "", /^failed .* checks=[1-9].* faults=[1-9]/, lines.join("\n"));
  });
}
