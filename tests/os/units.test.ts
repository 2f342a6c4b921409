import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "../../tools/run-tests.ts";

const folder = join(repositoryRoot, "os/units");
const units = readdirSync(folder).filter((name) => /\.(?:service|mount|socket)$/.test(name));
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

test("the daemon may do no more than was argued for", () => {
  // The measure of systemd-analyze(1), from 0 to 100. What is above zero is argued in the unit.
  const args = ["security", "--offline=yes", "--threshold=52", join(folder, "piccolod.service")];
  const { status, stdout } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
  assert.equal(status, 0, stdout.split("\n").slice(-3).join("\n"));
});
