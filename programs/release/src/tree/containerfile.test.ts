/** What of `os/fcos/Containerfile` can be seen without running it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { readPackageList } from "../chroot/root-cache.ts";
import { repositoryRoot } from "../config.ts";
import { rpmRecords } from "./packages.ts";

const os = join(repositoryRoot, "os");
const source = readFileSync(join(os, "fcos/Containerfile"), "utf8");

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** Comments away, continued lines joined. */
function instructionsOf(text: string): Instruction[] {
  const lines = text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines.map((line) => {
    const [, name = "", rest = ""] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    return { name, text: rest };
  });
}

const instructions = instructionsOf(source);
const runs = instructions.filter(({ name }) => name === "RUN").map(({ text }) => text);

test("it has no instruction that is not known here, and begins with the base", () => {
  for (const { name, text } of instructions)
    assert.ok(["ARG", "FROM", "RUN", "COPY"].includes(name), `${name} ${text}`);
  const [first, ...others] = instructions.slice(0, 3);
  assert.equal(first?.name, "ARG");
  assert.match(first.text, /^BASE=quay\.io\/fedora\/fedora-coreos@sha256:[0-9a-f]{64}$/);
  assert.deepEqual(others, [
    { name: "FROM", text: "${BASE}" },
    // What was said before FROM is not known after it.
    { name: "ARG", text: "BASE" },
  ]);
});

test("a base that is no digest is refused, and a digest is taken", () => {
  const [check = ""] = runs;
  const run = (base: string): unknown =>
    execFileSync("sh", ["-c", check], { env: { PATH: process.env["PATH"], BASE: base }, stdio: "pipe" });
  for (const base of ["", "quay.io/fedora/fedora-coreos:stable", "a@sha256:00", `a@sha256:${"0".repeat(63)}`]) {
    assert.throws(() => run(base), base);
  }
  run(`quay.io/fedora/fedora-coreos@sha256:${"0".repeat(64)}`);
});

test("every step is a script that a shell can read", () => {
  for (const script of runs) execFileSync("sh", ["-n", "-c", script], { stdio: "pipe" });
});

test("whatever it copies is there, and nothing is masked or taken out beside the lists", () => {
  for (const { text } of instructions.filter(({ name }) => name === "COPY")) {
    const paths = text.split(/\s+/).filter((word) => !word.startsWith("--"));
    for (const path of paths.slice(0, -1)) assert.ok(existsSync(join(repositoryRoot, path)), path);
  }
  for (const script of runs) assert.doesNotMatch(script, /systemctl (?:mask|enable|disable)|rm -|--erase/);
});

test("it writes down what the build reads of rpm", () => {
  for (const path of Object.values(rpmRecords))
    assert.ok(
      runs.some((script) => script.includes(`> /${path}`)),
      path,
    );
});

test("the lists of this base are lists, and what the tree needs of it is not taken out", () => {
  const packages = readPackageList(join(os, "fcos/removed-packages.txt"));
  for (const line of packages) assert.match(line, /^(?:\? )?[A-Za-z0-9][A-Za-z0-9._+-]*$/);
  assert.equal(new Set(packages).size, packages.length);
  for (const needed of ["systemd", "podman", "NetworkManager", "chrony", "ostree", "gnupg2", "cryptsetup", "libatomic"])
    assert.ok(!packages.includes(needed), needed);
  for (const line of readPackageList(join(os, "fcos/removed-paths.txt")))
    assert.doesNotMatch(line, /^\/|\.\.|^usr$|^etc$/);
  assert.ok(readPackageList(join(os, "fcos/cmdline.txt")).every((argument) => /^\S+$/.test(argument)));
});

test("every unit the presets enable for this base is none of those that are masked", () => {
  const masks = readPackageList(join(os, "masks.txt"));
  const preset = readFileSync(join(os, "root/usr/lib/systemd/system-preset/00-piccolo.preset"), "utf8");
  for (const unit of ["NetworkManager.service", "chronyd.service", "dbus-broker.service", "systemd-resolved.service"]) {
    assert.match(preset, new RegExp(`^enable ${unit.replaceAll(".", "\\.")}$`, "m"));
    assert.ok(!masks.includes(unit), unit);
  }
  for (const unit of ["zincati.service", "rpm-ostreed-automatic.timer", "bootupd.socket", "sshd.service"])
    assert.ok(masks.includes(unit), unit);
  const ours = globSync("fcos/root/usr/lib/systemd/system/*", { cwd: os }).map((path) => basename(path));
  for (const unit of ours) assert.ok(!masks.includes(unit), unit);
});
