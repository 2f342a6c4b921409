import type { NetworkFeature } from "../src/network/types.ts";
import { networkFaults } from "../src/network/types.ts";

async function refuse(): Promise<never> {
  throw networkFaults.fault("no-network", "this device is in no network");
}

/** A device that is alone and stays so: nothing can be placed with anyone. */
export function createNoNetwork(): NetworkFeature {
  const noChange = (): (() => void) => () => undefined;
  return {
    state: () => ({
      state: "none",
      name: "",
      networkId: "",
      members: [],
      clock: { state: "unknown", offsetMs: 0 },
      centralReachable: false,
    }),
    clock: () => ({ state: "unknown", offsetMs: 0 }),
    members: { holders: () => [], onChange: noChange },
    transport: { request: refuse },
    recoverTransport: { request: refuse },
    adopt: () => undefined,
    learn: () => undefined,
    memberOf: () => undefined,
    memberDevice: () => undefined,
    deviceKeyOf: () => undefined,
    ownerKeyOf: () => undefined,
    membership: () => undefined,
    membershipState: () => undefined,
    replacedAtMs: () => undefined,
    enterOwnerKey: async () => undefined,
    leave: async () => undefined,
    vault: () => undefined,
    hello: (_, hello) => hello,
    join: refuse,
    found: refuse,
    invitations: async () => [],
    invite: refuse,
    cosign: refuse,
    start: async () => undefined,
    stop: async () => undefined,
    onChange: noChange,
  };
}
