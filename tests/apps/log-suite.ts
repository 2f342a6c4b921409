/** What apps say takes bounded room on the disk, on real Podman: however much it is, the newest is kept. */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Podman } from "../../programs/piccolod/src/adapters/podman/podman.ts";
import { loadSuiteImage, specOf } from "../../programs/piccolod/test-support/container-runtime-suite.ts";
import { unlessGone } from "../network/unless-gone.ts";

const MiB = 1024 ** 2;
const said = 60_000;

export function logSuite({
  runtime,
  storageFolder,
}: {
  readonly runtime: Podman;
  readonly storageFolder: string;
}): void {
  test("a container that talks without an end fills no disk, and its last words can be read", async () => {
    await loadSuiteImage(runtime);
    const script = `at=0; while [ $at -lt ${said} ]; do at=$((at+1)); echo "line $at of what nobody will ever read to its end"; done`;
    const { id } = await runtime.create(specOf("talkative", script, { logBytesMax: MiB, milliCpus: 2_000 }));
    await runtime.start("talkative");
    let largest = 0;
    for (;;) {
      // Podman works in there meanwhile.
      const sizes = unlessGone(() => readdirSync(storageFolder, { recursive: true }), [])
        .map(String)
        .filter((path) => path.includes(id) && path.includes("ctr.log"))
        .map((path) => statSync(join(storageFolder, path), { throwIfNoEntry: false })?.size ?? 0);
      largest = Math.max(
        largest,
        sizes.reduce((sum, size) => sum + size, 0),
      );
      if ((await runtime.container("talkative"))?.phase === "stopped") break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // It said four times as much.
    assert.ok(largest > 0 && largest <= 2 * MiB, `${largest} bytes of it lay on the disk`);
    const lines: string[] = [];
    for await (const { text } of runtime.logs("talkative", { tail: 10 })) lines.push(text);
    assert.match(lines.at(-1) ?? "", new RegExp(`^line ${said} `));
    await runtime.remove("talkative");
  });
}
