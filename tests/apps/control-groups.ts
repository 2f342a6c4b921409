/** What the kernel itself says of a container's bounds, in control groups of both kinds. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const top = "/sys/fs/cgroup";

type Controller = "cpu" | "memory" | "pids";

export class ControlGroup {
  readonly #folder: string;
  readonly #isOfFirstKind: boolean;

  /** The one by which the controller counts the process. */
  constructor(pid: number, controller: Controller) {
    const groups = readFileSync(`/proc/${pid}/cgroup`, "utf8");
    const [, controllers, path] =
      new RegExp(`^\\d+:((?:[^:\\n]*,)?${controller}(?:,[^:\\n]*)?):(.*)$`, "m").exec(groups) ?? [];
    const unified = /^0::(.*)$/m.exec(groups)?.[1] ?? "";
    this.#isOfFirstKind = path !== undefined;
    const hierarchy = [join(top, controllers ?? ""), join(top, controller)].find((folder) => existsSync(folder)) ?? top;
    this.#folder = path === undefined ? join(top, unified) : join(hierarchy, path);
  }

  #text(name: string): string {
    return readFileSync(join(this.#folder, name), "utf8").trim();
  }

  /** How many processes there are, and how often one more was refused. */
  get processes(): { readonly now: number; readonly refused: number } {
    return {
      now: Number(this.#text("pids.current")),
      refused: Number(/^max (\d+)$/m.exec(this.#text("pids.events"))?.[1]),
    };
  }

  set processesMax(most: number) {
    writeFileSync(join(this.#folder, "pids.max"), String(most));
  }

  /** How many periods there were in which it ran, and in how many of them it was held back. */
  get periods(): { readonly all: number; readonly heldBack: number } {
    const field = (name: string): number =>
      Number(new RegExp(`^${name} (\\d+)$`, "m").exec(this.#text("cpu.stat"))?.[1]);
    return { all: field("nr_periods"), heldBack: field("nr_throttled") };
  }

  /** Of one processor's time. */
  get milliCpus(): number {
    const [quotaUs = 0, periodUs = 0] = this.#isOfFirstKind
      ? [Number(this.#text("cpu.cfs_quota_us")), Number(this.#text("cpu.cfs_period_us"))]
      : this.#text("cpu.max").split(" ").map(Number);
    return (quotaUs * 1_000) / periodUs;
  }

  /** What it may have of memory, and of swap beside it. */
  get memoryMax(): { readonly memoryBytes: number; readonly swapBytes: number } {
    if (!this.#isOfFirstKind) {
      return { memoryBytes: Number(this.#text("memory.max")), swapBytes: Number(this.#text("memory.swap.max")) };
    }
    const memoryBytes = Number(this.#text("memory.limit_in_bytes"));
    return { memoryBytes, swapBytes: Number(this.#text("memory.memsw.limit_in_bytes")) - memoryBytes };
  }

  /** More than it had; without swap, as before. */
  raiseMemoryMax(memoryBytes: number): void {
    const names = this.#isOfFirstKind ? ["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"] : ["memory.max"];
    for (const name of names) writeFileSync(join(this.#folder, name), String(memoryBytes));
  }
}
