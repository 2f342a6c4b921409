import { readFileSync } from "node:fs";
import { isFault } from "@piccolo/fault";
import { parseReleasePolicies, type ReleasePolicies } from "@piccolo/tpm2";
import { errorFacts, type Log } from "../log.ts";

/**
 * What the boot loader's stub left of the system image's signatures. Undefined where there is nothing of ours: the device
 * was started another way, and its chip gives nothing.
 */
export function readSignedBoots(path: string, log: Log): ReleasePolicies | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    log.warn("no-signed-boots", errorFacts(error));
    return undefined;
  }
  try {
    return parseReleasePolicies(text);
  } catch (error) {
    if (!isFault(error, "malformed")) throw error;
    log.warn("signed-boots-malformed", { error: error.message });
    return undefined;
  }
}
