/** Whether the machine kept the time while it was off. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Nobody started the product before; a clock whose battery is empty begins at 1970 or at the date of its firmware. */
const earliestS = Date.UTC(2025, 0, 1) / 1_000;
const clockPath = "sys/class/rtc/rtc0/since_epoch";
/** The service that asks time servers makes it once one has answered. */
const synchronizedPath = "run/systemd/timesync/synchronized";

/**
 * Whether the clock in the machine shows a time that cannot be, and no time server has set the system's since. `root` is
 * `/` on a device. A machine without such a clock has nothing that could have forgotten.
 */
export function hasForgottenTime(root: string): boolean {
  if (existsSync(join(root, synchronizedPath))) return false;
  try {
    const text = readFileSync(join(root, clockPath), "utf8").trim();
    return /^-?\d{1,15}$/.test(text) && Number(text) < earliestS;
  } catch {
    return false;
  }
}
