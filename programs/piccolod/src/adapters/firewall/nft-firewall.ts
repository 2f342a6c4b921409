import { type ChildProcess, spawn } from "node:child_process";
import { type Firewall, firewallFaults, type FirewallPlan } from "../../apps/runtime/firewall.ts";
import type { Log } from "../log.ts";
import { removalOf, rulesOf } from "./rules.ts";

const patienceMs = 10_000;
const saidBytesMax = 2_000;

/** A table of the kernel's packet filter that is this device's own; other tables are left alone. */
export class NftFirewall implements Firewall {
  readonly #table: string;
  readonly #log: Log;

  constructor(table: string, log: Log) {
    this.#table = table;
    this.#log = log;
  }

  apply(plan: FirewallPlan): Promise<void> {
    return this.#run(rulesOf(this.#table, plan));
  }

  remove(): Promise<void> {
    return this.#run(removalOf(this.#table));
  }

  /** `nft` takes a whole file or nothing of it. */
  #run(rules: string): Promise<void> {
    // A child for which no descriptor is left has no streams; it tells of its error afterwards.
    const child: ChildProcess = spawn("nft", ["-f", "-"], {
      stdio: ["pipe", "ignore", "pipe"],
      env: { PATH: "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin" },
      timeout: patienceMs,
      killSignal: "SIGKILL",
    });
    let said = "";
    child.stderr?.on("data", (bytes: Buffer) => (said = `${said}${bytes.toString()}`.slice(0, saidBytesMax)));
    return new Promise((resolve, reject) => {
      const failed = (reason: string): void => {
        this.#log.error("firewall-failed", { table: this.#table, reason });
        const cause = new Error(reason);
        reject(firewallFaults.fault("firewall-failed", "the rules that keep apps apart could not be set", { cause }));
      };
      child.once("error", (error) => failed(error.message));
      child.once("close", (code, signal) => {
        if (code === 0) resolve();
        else failed(`nft ended with ${code ?? signal}: ${said}`);
      });
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(rules);
    });
  }
}
