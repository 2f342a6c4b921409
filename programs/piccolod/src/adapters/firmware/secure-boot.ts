/** What UEFI firmware says of Secure Boot (UEFI Specification 2.10, 3.3 and 32.3), as the kernel shows its variables. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type SecureBootState = "on" | "off" | "setup-mode" | "no-uefi";

const globalGuid = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

/** `folder` is /sys/firmware/efi. */
export function readSecureBoot(folder = "/sys/firmware/efi"): SecureBootState {
  if (!existsSync(folder)) return "no-uefi";
  if (readVariable(folder, "SetupMode") === 1) return "setup-mode";
  return readVariable(folder, "SecureBoot") === 1 ? "on" : "off";
}

/** The value of a variable of one byte, which comes after four bytes of attributes. */
function readVariable(folder: string, name: string): number | undefined {
  try {
    const content = readFileSync(join(folder, "efivars", `${name}-${globalGuid}`));
    return content.length === 5 ? content[4] : undefined;
  } catch {
    return undefined;
  }
}
