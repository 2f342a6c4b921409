import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { repositoryRoot } from "../../tools/run-tests.ts";

const execute = promisify(execFile);

test("two builds give the same bytes, which know nothing of where and when they were made", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-build-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const build = async (name: string, environment: Readonly<Record<string, string>>): Promise<Map<string, string>> => {
    const out = join(folder, name);
    await execute(process.execPath, [join(repositoryRoot, "tools/build.ts"), out], {
      cwd: folder,
      env: { PATH: process.env["PATH"], ...environment },
    });
    return new Map(
      readdirSync(out).map((file) => {
        const content = readFileSync(join(out, file));
        for (const place of [repositoryRoot, folder]) assert.ok(!content.includes(place), `${file} names ${place}`);
        return [file, createHash("sha256").update(content).digest("hex")];
      }),
    );
  };
  const first = await build("one", { TZ: "UTC", LANG: "C" });
  assert.deepEqual([...first.keys()].sort(), ["blake-hash.node", "central", "libatomic.so.1", "piccolo", "piccolod"]);
  // What the configuration of a Fedora CoreOS has it fetch is there.
  const source = readFileSync(join(repositoryRoot, "os/butane/piccolo.bu"), "utf8");
  for (const [, file = ""] of source.matchAll(/@SHA512:([\w.-]+)@/g)) assert.ok(first.has(file), file);
  assert.deepEqual(await build("another/one", { TZ: "Asia/Tokyo", LANG: "de_DE.UTF-8" }), first);
});
