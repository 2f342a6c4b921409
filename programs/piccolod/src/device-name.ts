/** A device that was given no name gives itself one, which stays: it is part of the address people type. */
import { fromUtf8, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import manifest from "../package.json" with { type: "json" };
import type { DurableFolder } from "./adapters/state-folder.ts";
import type { Config } from "./config.ts";

/** The device has a name, and a household. */
export type NamedConfig = Omit<Config, "deviceName" | "domain"> & {
  readonly deviceName: string;
  readonly domain: string;
};

export const deviceNameFile = "device-name";
const letters = "abcdefghjkmnpqrstvwxyz23456789";
const lettersTaken = 4;

/** The name is no secret and needed while the volume is closed, so it lies outside of it. */
export function nameDevice(config: Config, state: DurableFolder, world: World): NamedConfig {
  const deviceName = config.deviceName ?? readName(state) ?? makeName(state, world);
  return { ...config, deviceName, domain: config.domain ?? deviceName };
}

/** A file that was damaged or changed counts as none. */
function readName(state: DurableFolder): string | undefined {
  const content = state.read(deviceNameFile);
  if (content === undefined || content.length > 64) return undefined;
  try {
    const name = fromUtf8(content).trim();
    return /^[a-z0-9][a-z0-9-]{0,31}$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

function makeName(state: DurableFolder, world: World): string {
  const picked = [...world.randomBytes(lettersTaken)].map((byte) => letters[byte % letters.length] ?? "");
  const name = `piccolo-${picked.join("")}`;
  state.write(deviceNameFile, toUtf8(`${name}\n`));
  return name;
}

/** Of the release, or of the daemon where it is part of none. */
export function versionOf({ release }: Pick<Config, "release">): string {
  return release?.version ?? manifest.version;
}
