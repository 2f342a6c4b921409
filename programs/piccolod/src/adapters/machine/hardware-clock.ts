/** Whether the machine kept the time while it was off. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The two drift apart by seconds a day; who is this far off was not taken for the time when the system started. */
const farApartMs = 30 * 86_400_000;
const clockPath = "sys/class/rtc/rtc0/since_epoch";
/** The service that asks time servers makes it once one has answered. */
const synchronizedPath = "run/systemd/timesync/synchronized";

/**
 * Whether the clock in the machine shows a time that the system did not take over when it started, and no time server has
 * set the system's since. systemd takes none from before its own release and none from more than 15 years after it: a
 * clock whose battery is empty begins at 1970, at the date of its firmware, or, where the year has two digits, at 2070.
 * `root` is `/` on a device, `nowMs` what the system says. A machine without such a clock has nothing that could have
 * forgotten.
 */
export function hasForgottenTime(root: string, nowMs: number): boolean {
  if (existsSync(join(root, synchronizedPath))) return false;
  try {
    const text = readFileSync(join(root, clockPath), "utf8").trim();
    return /^-?\d{1,12}$/.test(text) && Math.abs(Number(text) * 1_000 - nowMs) > farApartMs;
  } catch {
    return false;
  }
}
