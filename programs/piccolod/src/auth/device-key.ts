import { type Ed25519Key, ed25519FromSeed } from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { DurableFolder } from "../adapters/state-folder.ts";
import { identityFaults } from "../security/identity.ts";

export const deviceKeyFile = "device-key";
const seedBytes = 32;

/** The device's own key, by which other devices know it: made at the first start, the same ever after. */
export interface DeviceKey {
  /** 32 bytes; secret. */
  readonly seed: Uint8Array;
  readonly key: Ed25519Key;
}

export function openDeviceKey(state: DurableFolder, world: World, fileName = deviceKeyFile): DeviceKey {
  let seed = state.read(fileName);
  if (seed === undefined) {
    seed = world.randomBytes(seedBytes);
    state.write(fileName, seed);
  }
  if (seed.length !== seedBytes) {
    throw identityFaults.fault("identity-damaged", `${state.file(fileName)} is damaged; restore it from a copy`);
  }
  return { seed: new Uint8Array(seed), key: ed25519FromSeed(new Uint8Array(seed)) };
}
