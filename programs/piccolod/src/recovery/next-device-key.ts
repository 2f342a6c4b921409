import { equalConstantTime } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import type { DurableFolder } from "../adapters/state-folder.ts";
import { type DeviceKey, deviceKeyFile, openDeviceKey } from "../auth/device-key.ts";
import { readIdentity } from "../security/identity.ts";

const nextFile = "device-key-next";

/** The key that this device takes when it becomes the owner's again; the same at every try. */
export function nextDeviceKey(folder: DurableFolder, world: World): DeviceKey {
  return openDeviceKey(folder, world, nextFile);
}

/**
 * Puts the next key in the place of the present one, once the identity names it; otherwise nothing changes. Done at each
 * start as well: identity and key are two files, and a power cut may come between them.
 */
export function takeNextDeviceKey(folder: DurableFolder, world: World): void {
  const seed = folder.read(nextFile);
  const identity = readIdentity(folder);
  if (seed === undefined || identity === undefined) return;
  const { key } = openDeviceKey(folder, world, nextFile);
  if (!equalConstantTime(key.publicKey, identity.certificate.deviceKey)) return;
  folder.write(deviceKeyFile, seed);
  folder.remove(nextFile);
}
