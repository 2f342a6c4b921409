/** Which partitions there are, as the kernel names them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const sysfs = "/sys/class/block";

/** Device files (`/dev/vda3`) of all partitions with this name (PARTLABEL), in order. */
export function partitionsNamed(name: string, folder = sysfs): readonly string[] {
  return readdirSync(folder)
    .flatMap((entry) => {
      const facts = uevent(join(folder, entry, "uevent"));
      return facts.get("PARTNAME") === name && facts.has("DEVNAME") ? [`/dev/${facts.get("DEVNAME")}`] : [];
    })
    .sort();
}

/** `major:minor` of a device file. */
export function numberOf(device: string, folder = sysfs): string | undefined {
  try {
    return readFileSync(join(folder, device.replace(/^\/dev\//, ""), "dev"), "utf8").trim();
  } catch {
    return undefined;
  }
}

function uevent(path: string): ReadonlyMap<string, string> {
  try {
    const lines = readFileSync(path, "utf8").split("\n");
    return new Map(lines.map((line) => line.split(/=(.*)/s, 2) as [string, string]));
  } catch {
    // It was taken out meanwhile.
    return new Map();
  }
}
