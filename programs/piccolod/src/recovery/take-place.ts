/** Makes this device the owner's: one entry in the membership log, at central and at as many members as can be reached. */
import assert from "node:assert/strict";
import { toHex } from "@piccolo/bytes";
import { certifyDevice, type DeviceCertificate, firstEpoch, type OwnerChain, type OwnerKeys } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { applyEntry, decodeEntry, replaceDevice } from "@piccolo/membership";
import { askEach, type FoundMembership } from "@piccolo/storage/recover";
import { decideDevice, keysByLog } from "./decide.ts";
import { centralAsOwner, checkKeys, fromCentral, MembershipSearch, type Searching } from "./search.ts";
import { recoveryFaults, type TakenPlace } from "./types.ts";

const mostTries = 4;
const pauseMs = 700;

export interface PlaceOptions {
  readonly searching: Searching;
  /** Newest first. */
  readonly keys: readonly OwnerKeys[];
  readonly chain: OwnerChain;
  readonly membership: FoundMembership;
  /** Public key of this device, 32 bytes. */
  readonly deviceKey: Uint8Array;
}

/**
 * Resolves once at least one member has the entry; from then on the device before is fenced. Done again after it was cut
 * short it finds its own entry and raises no epoch. Throws `device-key-used`, `no-members-reachable`.
 */
export async function takePlace(options: PlaceOptions, signal: AbortSignal): Promise<TakenPlace> {
  const { searching, keys } = options;
  let { membership } = options;
  for (let attempt = 1; ; attempt++) {
    checkKeys(membership, keys);
    const made = makeEntry(options, membership);
    const { moved } = await offerToCentrals(options, made, attempt === mostTries, signal);
    const delivered = moved ? 0 : await deliver(options, made, signal);
    if (delivered > 0) return made;
    if (!moved && isAlone(made)) return made;
    if (attempt === mostTries) {
      throw recoveryFaults.fault(
        "no-members-reachable",
        "no member took this device in yet: see that some of them are online, then try again",
      );
    }
    // Another entry came first somewhere: it is read, and this one made anew behind it.
    await searching.world.sleep(pauseMs * attempt, signal);
    const network = toHex(membership.state.networkId);
    const newest = await new MembershipSearch(searching, signal).run(keys, [network]);
    if (newest !== undefined && newest.entries.length >= membership.entries.length) membership = newest;
  }
}

interface Made extends TakenPlace {
  readonly entry: Uint8Array;
}

function makeEntry({ keys, deviceKey, searching }: PlaceOptions, { state, entries }: FoundMembership): Made {
  const [newest] = keys;
  assert.ok(newest !== undefined);
  const held = keysByLog(state, newest.account, keys);
  assert.ok(held !== undefined && held !== "newer-key");
  const decision = decideDevice(state, newest.account, deviceKey);
  if (decision.do === "refuse") {
    throw recoveryFaults.fault(
      "device-key-used",
      "this device was the owner's before and was replaced: reset it, then recover on it again",
    );
  }
  const certificate = certifyDevice(held, deviceKey, decision.deviceEpoch);
  if (decision.do === "keep") {
    const entry = entries.find((bytes) => isOf(bytes, certificate));
    assert.ok(entry !== undefined, "a device in the log has its entry");
    return { membership: { state, entries }, certificate, keys: held, entry };
  }
  const entry = replaceDevice({ state, ownerKeys: held, device: certificate, world: searching.world });
  const membership = { state: applyEntry(state, entry), entries: [...entries, entry] };
  return { membership, certificate, keys: held, entry };
}

function isOf(bytes: Uint8Array, { deviceKey }: DeviceCertificate): boolean {
  const { body } = decodeEntry(bytes);
  const device = "member" in body ? body.member : body.kind === "device" ? body : undefined;
  return device !== undefined && toHex(device.deviceKey) === toHex(deviceKey);
}

/** A network of one has nobody to tell. */
function isAlone({ membership }: Made): boolean {
  return membership.state.members.size === 1;
}

async function deliver({ searching }: PlaceOptions, { entry, keys }: Made, signal: AbortSignal): Promise<number> {
  const { client, devices } = searching;
  const delivered = await askEach(searching, devices.all(), signal, (peer, limited) =>
    client.appendDevice(peer, keys, entry, limited),
  );
  return delivered.length;
}

/**
 * Central orders entries while it is there: so it comes first, and says when another entry came before. Its word is not
 * waited for for ever (`isLast`), since it may lie.
 */
async function offerToCentrals(
  { searching, chain }: PlaceOptions,
  { entry, keys, certificate, membership }: Made,
  isLast: boolean,
  signal: AbortSignal,
): Promise<{ readonly moved: boolean }> {
  const rotations = chain.rotations.slice(0, keys.epoch - firstEpoch);
  const offered = searching.centrals.map((baseUrl) =>
    fromCentral(
      searching,
      "device",
      async () => {
        const central = centralAsOwner(searching, baseUrl, keys);
        const known = rotations.length === 0 ? {} : { chain: { ...chain, rotations } };
        await central.register({ ownerPublicKey: keys.ownerPublicKey, ...known, device: certificate }, { signal });
        try {
          await central.append(membership.state.networkId, entry, { signal });
          return { moved: false };
        } catch (error) {
          if (isLast || !isFault(error, "head-moved")) throw error;
          return { moved: true };
        }
      },
      signal,
    ),
  );
  return { moved: (await Promise.all(offered)).some((answer) => answer?.moved === true) };
}
