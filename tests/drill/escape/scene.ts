/** What the attacks of the drill app-escape have in common: the apps, a neighbourhood, and rules that can be switched off. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { AppVisit, Network } from "@piccolo/devnet";
import { removalOf } from "../../../programs/piccolod/src/adapters/firewall/rules.ts";
import { type Done, obey } from "../../apps/hostile.ts";
import { tagOfDevice } from "../app-traces.ts";
import type { DrillContext } from "../drill.ts";

export function must(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** The hostile app has one. */
export const hostileContainer = "hostile.web.1";

const triesMax = 4;

export class EscapeScene {
  readonly drill: DrillContext;
  readonly network: Network;
  readonly hostile: AppVisit;

  constructor(drill: DrillContext, network: Network, hostile: AppVisit) {
    this.drill = drill;
    this.network = network;
    this.hostile = hostile;
  }

  do(script: string): Promise<Done> {
    return obey(this.hostile, script);
  }

  async can(script: string): Promise<boolean> {
    return (await this.do(script)).code === 0;
  }

  get table(): string {
    return `piccolo_${tagOfDevice() ?? ""}`;
  }

  /** Also where it is off already. */
  #switchOff(): void {
    const { status, stderr } = spawnSync("nft", ["-f", "-"], { input: removalOf(this.table), encoding: "utf8" });
    assert.equal(status, 0, stderr);
  }

  /** What is refused; and, to show that nothing else refuses it, what is possible once the rules are switched off. */
  async refused(what: string, attempt: () => Promise<boolean>, rules: "ours" | "all" = "ours"): Promise<void> {
    const { drill } = this;
    drill.fault(what);
    if (drill.options.sabotage) must("nft", "flush", "ruleset");
    drill.equal(`${what} is refused`, await attempt(), false);
    const saved = must("nft", "list", "ruleset");
    const forwarding = rules === "all" ? forwardEverywhere() : () => undefined;
    try {
      // The device sets its rules again whenever it looks at its apps.
      for (let tries = 0; ; tries++) {
        if (rules === "all") must("nft", "flush", "ruleset");
        else this.#switchOff();
        if (rules === "all") masquerade();
        const isPossible = await attempt();
        // Who has just been dropped may need more than one try.
        if (isPossible || tries >= triesMax) {
          drill.check(`${what} is possible without the rule, so the rule refuses it`, isPossible);
          break;
        }
      }
    } finally {
      forwarding();
      must("nft", "flush", "ruleset");
      const { status, stderr } = spawnSync("nft", ["-f", "-"], { input: saved, encoding: "utf8" });
      assert.equal(status, 0, stderr);
    }
  }
}

const settings = "/proc/sys/net/ipv4/conf";

/** A network without a way out is not forwarded from either; returns what puts that back. */
function forwardEverywhere(): () => void {
  const before = readdirSync(settings).map((name): readonly [string, string] => {
    const path = `${settings}/${name}/forwarding`;
    return [path, readFileSync(path, "utf8")];
  });
  for (const [path] of before) writeFileSync(path, "1");
  return () => {
    for (const [path, value] of before) writeFileSync(path, value);
  };
}

/** What brings answers back, from outside and from a network without a way out, without any of the rules that refuse. */
function masquerade(): void {
  must("nft", "add table inet escape");
  must("nft", "add chain inet escape out { type nat hook postrouting priority 100; }");
  must("nft", "add rule inet escape out oifname out0 masquerade");
  must("nft", 'add rule inet escape out oifname "pc*" masquerade');
}

/** Of a container's address as the host sees it. */
export const connects = (address: string, port: number): string => `busybox nc -w 2 ${address} ${port} </dev/null`;
