import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { type DiskFailure, FailingDisk } from "../../../test-support/failing-disk.ts";
import { createLog } from "../log.ts";
import { DurableFolder } from "../state-folder.ts";
import { MemoryChip } from "../tpm/memory-chip.ts";
import { authorityFile, DeviceAuthority } from "./device-authority.ts";

const failures: readonly Omit<DiskFailure, "below">[] = [
  { call: "write", code: "ENOSPC" },
  { call: "fsync", code: "EIO" },
  { call: "open", code: "EUCLEAN" },
];

for (const { call, code } of failures) {
  test(`the volume's authority stands where the disk beside the volume fails (${call}, ${code})`, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "piccolo-authority-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const world = new SeededWorld("device authority");
    const lines: string[] = [];
    const [state, content] = [new DurableFolder(join(folder, "state")), new DurableFolder(join(folder, "content"))];
    const authority = new DeviceAuthority({
      state,
      chip: new MemoryChip({ world, seed: world.randomBytes(32) }),
      deviceName: "piccolo-test",
      world,
      log: createLog(
        (line) => lines.push(line),
        () => 0,
      ),
    });
    const { certificate } = await authority.keep(content);
    authority.forget();
    const disk = new FailingDisk(context);
    disk.failure = { call, code, below: state.path };
    assert.deepEqual((await authority.keep(content)).certificate, certificate);
    assert.ok(disk.failed > 0 && !existsSync(state.file(authorityFile)));
    assert.match(lines.join(""), /authority-not-kept-outside/);
    disk.failure = undefined;
    assert.deepEqual((await authority.keep(content)).certificate, certificate);
    assert.ok(existsSync(state.file(authorityFile)));
    disk.failure = { call: "read", code: "EIO", below: content.path };
    await assert.rejects(authority.keep(content), { code: "EIO" });
  });
}
