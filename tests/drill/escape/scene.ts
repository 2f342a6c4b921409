/** What the attacks of the drill app-escape have in common: the apps, a neighbourhood, and rules that can be switched off. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import type { AppVisit, Network } from "@piccolo/devnet";
import { removalOf } from "../../../programs/piccolod/src/adapters/firewall/rules.ts";
import { forwardEverywhere, onlyMasquerade, savedRules } from "../../apps/forwarding.ts";
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
/** So many of the app's attempts go on at once: each takes some of the processes it may have. */
const atOnce = 12;

/** What is tried, by what it is called: scripts that end well where it is possible. */
export type Attempts = Readonly<Record<string, string>>;

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

  /** Those that end well in the hostile app. */
  async possible(attempts: Attempts): Promise<ReadonlySet<string>> {
    const all = Object.entries(attempts);
    const found = new Set<string>();
    for (let at = 0; at < all.length; at += atOnce) {
      const some = all.slice(at, at + atOnce);
      const lines = some.map(([, script], number) => `( ${script} ) >/dev/null 2>&1 && echo "possible ${number}" &`);
      const { output } = await this.do(`${lines.join("\n")}\nwait`);
      for (const [, number] of output.matchAll(/^possible (\d+)$/gm)) found.add(some[Number(number)]?.[0] ?? "");
    }
    return found;
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
  async refused(attempts: Attempts, rules: "ours" | "all" = "ours"): Promise<void> {
    const { drill } = this;
    const names = Object.keys(attempts);
    for (const what of names) drill.fault(what);
    if (drill.options.sabotage) must("nft", "flush", "ruleset");
    const withRules = await this.possible(attempts);
    for (const what of names) drill.equal(`${what} is possible`, withRules.has(what), false);
    const restore = savedRules();
    const forwarding = rules === "all" ? forwardEverywhere() : () => undefined;
    try {
      let left = attempts;
      // The device sets its rules again whenever it looks at its apps, and who has just been dropped may need another try.
      for (let tries = 0; Object.keys(left).length > 0 && tries < triesMax; tries++) {
        if (rules === "all") onlyMasquerade("pc*", "out0");
        else this.#switchOff();
        const now = await this.possible(left);
        left = Object.fromEntries(Object.entries(left).filter(([what]) => !now.has(what)));
      }
      for (const what of names) {
        drill.check(`${what} is possible without the rule, so the rule refuses it`, !Object.hasOwn(left, what));
      }
    } finally {
      forwarding();
      restore();
    }
  }
}

/** Of a container's address as the host sees it. */
export const connects = (address: string, port: number): string => `busybox nc -w 2 ${address} ${port} </dev/null`;
