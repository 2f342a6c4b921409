import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { longestControlMs, longestEndMs } from "../../programs/piccolod/src/adapters/podman/system-service.ts";
import { longestMountMs } from "../../programs/piccolod/src/adapters/volume/block-system.ts";
import { usualTimeoutMs } from "../../programs/piccolod/src/adapters/volume/command.ts";
import { inOrderMs } from "../../programs/piccolod/src/apps/shut-down.ts";
import { repositoryRoot } from "../../tools/run-tests.ts";

const folder = join(repositoryRoot, "os/units");
const units = readdirSync(folder).filter((name) => /\.(?:service|mount|socket|target)$/.test(name));
const textOf = (name: string): string => readFileSync(join(folder, name), "utf8");

/** Known to the systemd of the images, and not to the one of every machine that builds them. */
const laterKeys = /Unknown key (?:name )?'(?:RestartMode|DelegateSubgroup)'/;

test("systemd understands every line of every unit", (context) => {
  const scratch = mkdtempSync(join(tmpdir(), "piccolo-units-"));
  context.after(() => rmSync(scratch, { recursive: true }));
  for (const name of units) {
    // The programs of the image are not on this machine; all else is looked at as it is.
    writeFileSync(join(scratch, name), textOf(name).replaceAll(/^(Exec\w+)=\S+/gm, "$1=/bin/true"));
  }
  const { stderr } = spawnSync("systemd-analyze", ["verify", "--recursive-errors=no", ...units], {
    cwd: scratch,
    encoding: "utf8",
  });
  const complaints = stderr.split("\n").filter((line) => line !== "" && !laterKeys.test(line));
  assert.deepEqual(complaints, []);
});

test("the daemon runs whatever is missing: it is ordered after its mounts and needs none of them", () => {
  const unit = textOf("piccolod.service");
  assert.match(unit, /^After=var-lib-piccolo\.mount/m);
  assert.doesNotMatch(unit, /^(?:Requires|Requisite|BindsTo|RequiresMountsFor|PartOf)=/m);
  assert.doesNotMatch(unit, /^(?:Condition|Assert)/m);
});

test("the phase in which the volume opens ends only after the daemon is ready", () => {
  const unit = textOf("piccolod.service");
  for (const line of ["Type=notify", "Before=systemd-pcrphase.service", "RestartMode=direct", "Restart=always"]) {
    assert.ok(unit.split("\n").includes(line), line);
  }
});

/** The value of a key that is there once. */
function valueOf(unit: string, key: string): string {
  const values = [...textOf(unit).matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value = ""]) => value);
  assert.equal(values.length, 1, `${key} in ${unit}`);
  return values[0] ?? "";
}

function secondsOf(unit: string, key: string): number {
  const [, count, of] = /^(\d+)(s|min|)$/.exec(valueOf(unit, key)) ?? assert.fail(`${key} in ${unit}`);
  return Number(count) * (of === "min" ? 60 : 1);
}

test("a daemon that neither gets ready nor ends is given up, after more than one start", () => {
  const [target, daemon] = ["piccolod-ready.target", "piccolod.service"];
  assert.equal(valueOf(target, "After"), daemon, "it waits for the daemon");
  assert.ok(textOf(daemon).split("\n").includes(`Wants=${target}`), "and is there at every start of the machine");
  const twoStarts = 2 * (secondsOf(daemon, "TimeoutStartSec") + secondsOf(daemon, "RestartSec"));
  const waits = secondsOf(target, "JobTimeoutSec");
  // The daemon comes after its mount, which may take its time.
  assert.ok(waits > twoStarts + secondsOf("var-lib-piccolo.mount", "TimeoutSec"), `${waits} s for two starts`);
  assert.ok(waits <= 15 * 60, `an owner waits ${waits} s three times before the release before comes back`);
});

test("a daemon that is started again and again reaches the limit, however long each start lasts until it is ended", () => {
  const unit = "piccolod.service";
  // Neither a start that hangs nor a daemon that falls silent is asked to end before it is ended.
  assert.equal(valueOf(unit, "TimeoutStartFailureMode"), "kill");
  assert.equal(valueOf(unit, "WatchdogSignal"), "SIGKILL");
  const longest = ["TimeoutStartSec", "WatchdogSec", "RestartSec"].map((key) => secondsOf(unit, key));
  const all = Number(valueOf(unit, "StartLimitBurst")) * longest.reduce((sum, each) => sum + each);
  assert.ok(secondsOf(unit, "StartLimitIntervalSec") > all, `${all} s`);
});

test("a daemon that ends is waited for as long as all it waits for itself may take", () => {
  const closing = [inOrderMs, longestControlMs, longestEndMs, longestMountMs, usualTimeoutMs];
  const allMs = closing.reduce((sum, each) => sum + each);
  assert.ok(secondsOf("piccolod.service", "TimeoutStopSec") * 1_000 > allMs, `${allMs} ms`);
});

test("the daemon may do no more than was argued for", () => {
  // The measure of systemd-analyze(1), from 0 to 100. What is above zero is argued in the unit.
  const args = ["security", "--offline=yes", "--threshold=52", join(folder, "piccolod.service")];
  const { status, stdout } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
  assert.equal(status, 0, stdout.split("\n").slice(-3).join("\n"));
});
