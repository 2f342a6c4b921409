/**
 * How often a daemon ended in this start of the machine because its disk failed, for one that is started again in it. Whoever ends again and
 * again by the same would have the machine started again for ever, and its owner would never hear why.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import type { Reason } from "../security/boot.ts";
import { failureOfDisk } from "../security/disk-failure.ts";

/** Fewer than those after which the supervisor starts the machine again, and within the same time (os/units/piccolod.service). */
const endsMax = 3;
const withinS = 15 * 60;

const Shape = z.object({
  endsS: z.array(z.number()).max(endsMax),
  code: z.string().max(64),
  detail: z.string().max(1_000),
});

export interface EndsByDiskOptions {
  /** In memory, where the service manager keeps what belongs to a start. */
  readonly path: string;
  /** Where the open volume lies. */
  readonly volumePath: string;
  /** Since the machine was started. */
  readonly uptimeS: () => number;
}

export class EndsByDisk {
  readonly #options: EndsByDiskOptions;

  constructor(options: EndsByDiskOptions) {
    this.#options = options;
  }

  /** The daemon ends by this error. */
  note(error: unknown): void {
    const { path, volumePath, uptimeS } = this.#options;
    const fault = failureOfDisk(error, volumePath);
    if (fault === undefined) return;
    const endsS = [...(this.#read()?.endsS ?? []), uptimeS()].slice(-endsMax);
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      writeFileSync(path, JSON.stringify({ endsS, code: fault.code, detail: fault.message }), { mode: 0o600 });
    } catch {
      // Without it the daemon is started again as if nothing had happened.
    }
  }

  /** Why the volume is not opened any more in this start of the machine. */
  reason(): Reason | undefined {
    const found = this.#read();
    if (found === undefined) return undefined;
    const { endsS, code, detail } = found;
    const recent = endsS.filter((at) => this.#options.uptimeS() - at <= withinS);
    return recent.length < endsMax ? undefined : { code, detail };
  }

  #read(): z.infer<typeof Shape> | undefined {
    try {
      return Shape.parse(JSON.parse(readFileSync(this.#options.path, "utf8")));
    } catch {
      return undefined;
    }
  }
}
