/** From the phrase to the owner's keys and network: at central, at the members, and at places a person named. */
import { fromHex, toHex } from "@piccolo/bytes";
import { type CentralClient, createCentralClient, findSlot } from "@piccolo/central-api";
import { openPhraseSlot, openPreviousKeys, type OwnerKeys, type Phrase, verifySealedSlot } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { entriesUntil, entryToleranceMs, replay } from "@piccolo/membership";
import type { PeerTarget } from "@piccolo/storage/ports";
import { askEach, type FoundMembership, readMembershipOf, type RecoverParts } from "@piccolo/storage/recover";
import {
  type Doubts,
  type FoundSlot,
  type GivenLog,
  isBeyondDoubt,
  keysByLog,
  longestMembership,
  newestSlot,
  slotFault,
} from "./decide.ts";
import type { KnownDevices } from "./known-devices.ts";
import { type FoundOwner, recoveryFaults } from "./types.ts";

/** Each round asks those whom the one before named. */
const mostRounds = 4;
const noDoubts: Doubts = { givers: new Set(), heads: new Set() };

export interface Searching extends RecoverParts {
  readonly devices: KnownDevices;
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  /** Origins of centrals; none is believed more than anybody else. */
  readonly centrals: readonly string[];
}

/** Central as the owner, who signs with the owner key: a new device is known to nobody yet. */
export function centralAsOwner(
  { fetch, world }: Pick<Searching, "fetch" | "world">,
  baseUrl: string,
  keys: OwnerKeys,
): CentralClient {
  return createCentralClient({
    baseUrl,
    fetch,
    world,
    account: keys.account,
    publicKey: keys.ownerPublicKey,
    sign: (statement) => keys.sign(statement),
  });
}

/** The result, or undefined where central refuses or is away: then the members have to do. */
export async function fromCentral<T>(
  { report, failed }: Pick<Searching, "report" | "failed">,
  what: string,
  ask: () => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    report("central-of-no-use", { what, code: error.code });
    failed?.(error);
    return undefined;
  }
}

/** The newest slot and the longest membership log that anyone in reach has. `networks` (hex) are those a sheet names. */
export class OwnerSearch {
  readonly #searching: Searching;
  readonly #phrase: Phrase;
  readonly #networks: readonly string[];
  readonly #signal: AbortSignal;
  readonly #slots: FoundSlot[] = [];
  readonly #asked = new Set<string>();
  #answered = 0;

  constructor(searching: Searching, phrase: Phrase, networks: readonly string[], signal: AbortSignal) {
    this.#searching = searching;
    this.#phrase = phrase;
    this.#networks = networks;
    this.#signal = signal;
  }

  /** The owner's keys in what it gives are the caller's to erase. Throws the faults of `recoveryFaults`. */
  async run(step: (text: string, done: number) => void): Promise<FoundOwner> {
    const { devices } = this.#searching;
    let found: Omit<FoundOwner, "membership"> | undefined;
    const memberships = new MembershipSearch(this.#searching, this.#signal);
    let membership: FoundMembership | undefined;
    try {
      step("Looking for your network", 0);
      for (let round = 0; round < mostRounds; round++) {
        const fresh = devices.all().filter(({ deviceKey }) => !this.#asked.has(toHex(deviceKey)));
        if (round > 0 && fresh.length === 0) break;
        await this.#askForSlots(fresh, round === 0);
        const newest = newestSlot(this.#slots);
        if (newest === undefined) throw this.#noSlot();
        if (found === undefined || newest.number > found.opened.number) {
          eraseFound(found);
          found = this.#open(newest.bytes);
          memberships.keysChanged();
        }
        step("Reading the member list", 1);
        const named = found.opened.details.networks.map(({ id }) => toHex(id));
        membership = await memberships.run(found.keys, named.length > 0 ? named : this.#networks);
      }
      if (found === undefined) throw this.#noSlot();
      if (membership === undefined && memberships.refused) throw superseded();
      checkKeys(membership, found.keys);
      return { ...found, membership };
    } catch (error) {
      eraseFound(found);
      throw error;
    }
  }

  async #askForSlots(fresh: readonly PeerTarget[], isFirst: boolean): Promise<void> {
    const { client, centrals, fetch, world } = this.#searching;
    const atCentral = (isFirst ? centrals : []).map((baseUrl) =>
      fromCentral(
        this.#searching,
        "slot",
        async () => {
          try {
            return [await findSlot({ baseUrl, fetch, world }, this.#phrase, { signal: this.#signal })];
          } catch (error) {
            if (!isFault(error, "unknown-slot")) throw error;
            return [];
          }
        },
        this.#signal,
      ),
    );
    const atMembers = askEach(this.#searching, fresh, this.#signal, (peer, signal) =>
      client.findSlot(peer, this.#phrase, signal),
    );
    for (const { deviceKey } of fresh) this.#asked.add(toHex(deviceKey));
    const [central, members] = await Promise.all([Promise.all(atCentral), atMembers]);
    for (const answer of central) {
      if (answer !== undefined) this.#answered++;
      for (const bytes of answer ?? []) this.#take(bytes);
    }
    for (const { value } of members) {
      this.#answered++;
      if (value !== undefined) this.#take(value);
    }
  }

  /** Whoever gives bytes that are no slot of this phrase has given none. */
  #take(bytes: Uint8Array): void {
    try {
      const { number, locator } = verifySealedSlot(bytes);
      if (toHex(locator) === toHex(this.#phrase.locator)) this.#slots.push({ bytes, number });
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#searching.report("slot-of-no-use", { code: error.code });
    }
  }

  #open(slot: Uint8Array): Omit<FoundOwner, "membership"> {
    const opened = openPhraseSlot(slot, this.#phrase);
    const current = opened.opened.deriveKeys();
    for (const { members } of opened.details.networks)
      for (const member of members) this.#searching.devices.add(member);
    return { slot, opened, keys: [current, ...openPreviousKeys(current, opened.details.previousRoots)] };
  }

  #noSlot(): Error {
    const code = slotFault(this.#answered);
    return recoveryFaults.fault(
      code,
      code === "phrase-unknown"
        ? "nothing is kept under this phrase at those who were asked: look at the words, or name another place"
        : "neither central nor any member answered: see that the device is online, or name a member's address",
    );
  }
}

/** Looks for the longest membership log, at central and at every device in reach, with the owner's proof. */
export class MembershipSearch {
  readonly #searching: Searching;
  readonly #signal: AbortSignal;
  #read = new Set<string>();
  readonly #logs: GivenLog[] = [];
  #isCentralRead = false;
  #refused = false;

  constructor(searching: Searching, signal: AbortSignal) {
    this.#searching = searching;
    this.#signal = signal;
  }

  /** Whether a member knows none of the keys. */
  get refused(): boolean {
    return this.#refused;
  }

  /** Whoever refused the keys before is asked anew. */
  keysChanged(): void {
    this.#refused = false;
    this.#read = new Set();
    this.#isCentralRead = false;
  }

  /** Adds the members' addresses to the known devices. `networks` (hex) as `longestMembership` takes them. */
  async run(
    keys: readonly OwnerKeys[],
    networks: readonly string[],
    doubts: Doubts = noDoubts,
  ): Promise<GivenLog | undefined> {
    const { devices, centrals } = this.#searching;
    const fresh = devices.all().filter(({ deviceKey }) => !this.#read.has(toHex(deviceKey)));
    for (const { deviceKey } of fresh) this.#read.add(toHex(deviceKey));
    const isCentralRead = this.#isCentralRead;
    this.#isCentralRead = true;
    const [atCentral, atMembers] = await Promise.all([
      isCentralRead ? [] : this.#atCentrals(keys, networks),
      askEach(this.#searching, fresh, this.#signal, (peer, signal) => this.#atMember(peer, keys, signal)),
    ]);
    this.#logs.push(...atCentral, ...atMembers.flatMap(({ value }) => value));
    const believed = this.#logs.filter((log) => isBeyondDoubt(log, doubts, centrals));
    return longestMembership(believed, keys, networks);
  }

  async #atMember(peer: PeerTarget, keys: readonly OwnerKeys[], signal: AbortSignal): Promise<readonly GivenLog[]> {
    const { client, devices } = this.#searching;
    let refusal: unknown;
    for (const held of keys) {
      try {
        const log = await readMembershipOf(this.#searching, peer, held, signal);
        for (const place of await client.memberAddresses(peer, held, signal)) {
          if (log?.state.memberByDeviceKey(place.deviceKey) !== undefined) devices.add(place);
        }
        return log === undefined ? [] : [{ ...log, giver: toHex(peer.deviceKey) }];
      } catch (error) {
        // In the middle of a re-key a member may know the key before only.
        if (!isFault(error, "not-yours")) throw error;
        refusal = error;
      }
    }
    this.#refused = true;
    throw refusal;
  }

  async #atCentrals(keys: readonly OwnerKeys[], networks: readonly string[]): Promise<readonly GivenLog[]> {
    const asked = this.#searching.centrals.flatMap((giver) =>
      keys.map((held) => this.#atCentral(giver, centralAsOwner(this.#searching, giver, held), networks)),
    );
    return (await Promise.all(asked)).flat();
  }

  async #atCentral(giver: string, central: CentralClient, networks: readonly string[]): Promise<readonly GivenLog[]> {
    const signal = this.#signal;
    const ask = async (): Promise<readonly GivenLog[]> => {
      const ids =
        networks.length > 0
          ? networks.map(fromHex)
          : (await central.networks({ signal })).map(({ networkId }) => networkId);
      const found: GivenLog[] = [];
      for (const id of ids) {
        const latestMs = this.#searching.world.nowMs() + entryToleranceMs;
        const entries = entriesUntil(latestMs, await central.readLog(id, 0, { signal }));
        const state = replay(entries, id);
        found.push({ entries, state, giver });
        // Whoever is no member by the log would only take a member's room.
        for (const { deviceKey, multiaddrs } of await central.addresses(id, { signal })) {
          if (state.memberByDeviceKey(deviceKey) === undefined) continue;
          this.#searching.devices.add({ deviceKey, addresses: multiaddrs });
        }
      }
      return found;
    };
    return (await fromCentral(this.#searching, "membership", ask, signal)) ?? [];
  }
}

/** Throws `network-unknown`, and `phrase-unknown` where the log knows newer keys than the phrase gives. */
export function checkKeys(
  membership: FoundMembership | undefined,
  keys: readonly OwnerKeys[],
): asserts membership is FoundMembership {
  const [current] = keys;
  if (membership === undefined || current === undefined) {
    throw recoveryFaults.fault(
      "network-unknown",
      "the phrase is right, but nobody in reach has a member list with its owner: name a member's address or the sheet",
    );
  }
  const held = keysByLog(membership.state, current.account, keys);
  if (held === "newer-key") throw superseded();
  if (held === undefined) {
    throw recoveryFaults.fault("network-unknown", "the member lists found are older than this phrase: ask others, too");
  }
}

function superseded(): Error {
  return recoveryFaults.fault(
    "phrase-unknown",
    "the members do not know the keys of this phrase any more: use the newest phrase of the account",
  );
}

export function eraseFound(found: Pick<FoundOwner, "opened" | "keys"> | undefined): void {
  found?.opened.opened.erase();
  for (const keys of found?.keys ?? []) keys.erase();
}
