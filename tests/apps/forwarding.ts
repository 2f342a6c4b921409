/** The machine without any rule that keeps networks apart, its runtime's own ones included: for what only shows itself then. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const settings = "/proc/sys/net/ipv4/conf";

function nft(...lines: readonly string[]): void {
  const { status, stderr } = spawnSync("nft", ["-f", "-"], { input: `${lines.join("\n")}\n`, encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

/** All rules as they are now; what is returned puts them back. */
export function savedRules(): () => void {
  const { status, stdout, stderr } = spawnSync("nft", ["list", "ruleset"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return () => nft("flush ruleset", stdout);
}

/**
 * No rules but those that bring answers back, from outside and from a network without a way out: whatever leaves by a
 * bridge named `bridges`, or by `outside`, has the machine's own address.
 */
export function onlyMasquerade(bridges: string, outside: string): void {
  nft(
    "flush ruleset",
    "table inet answers {",
    "  chain out {",
    "    type nat hook postrouting priority 100;",
    `    oifname "${bridges}" masquerade`,
    `    oifname "${outside}" masquerade`,
    "  }",
    "}",
  );
}

/** A network without a way out is not forwarded from either; returns what puts that back. */
export function forwardEverywhere(): () => void {
  const before = readdirSync(settings).map((name): readonly [string, string] => {
    const path = `${settings}/${name}/forwarding`;
    return [path, readFileSync(path, "utf8")];
  });
  for (const [path] of before) writeFileSync(path, "1");
  return () => {
    for (const [path, value] of before) writeFileSync(path, value);
  };
}
