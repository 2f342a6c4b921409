/** Makes this device the owner's: one entry in the membership log, at central and at as many members as can be reached. */
import assert from "node:assert/strict";
import { toHex } from "@piccolo/bytes";
import { certifyDevice, type DeviceCertificate, firstEpoch, type OwnerChain, type OwnerKeys } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { applyEntry, decodeEntry, replaceDevice } from "@piccolo/membership";
import { askEach, type FoundMembership } from "@piccolo/storage/recover";
import { decideDevice, type Doubts, type EntryAnswers, judgePlace, keysByLog } from "./decide.ts";
import { centralAsOwner, checkKeys, fromCentral, MembershipSearch, type Searching } from "./search.ts";
import { recoveryFaults, type TakenPlace } from "./types.ts";

const mostTries = 4;
const pauseMs = 700;
/** Longer than an entry takes to come to all members who are online, from one another or from central. */
const patienceMs = 40_000;
const noAnswers: EntryAnswers = { took: [], refused: [], undecided: [] };
/** Of members who are there and do not say which log is theirs. */
const undecidedCodes: ReadonlySet<string> = new Set(["untimely", "rate-limited", "busy"]);

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
 * Resolves once the members have the entry, as `judgePlace` says; from then on the device before is fenced. Done again
 * after it was cut short it finds its own entry and raises no epoch. A log that members contradict until `patienceMs`
 * are over is left for the next longest: one member who shows an entry to nobody else cannot draw a device after it.
 * Throws `device-key-used`, `no-members-reachable`, `members-disagree`.
 */
export async function takePlace(options: PlaceOptions, signal: AbortSignal): Promise<TakenPlace> {
  const { searching, keys } = options;
  const { world, report } = searching;
  const [newestKeys] = keys;
  assert.ok(newestKeys !== undefined);
  const networks = [toHex(options.membership.state.networkId)];
  const patientUntilMs = world.monotonicMs() + patienceMs;
  const doubts = { givers: new Set<string>(), heads: new Set<string>() };
  let membership: FoundMembership & { readonly giver?: string } = options.membership;
  // By the head it stands on: two entries of one device for one place would part the members who took them for good.
  const madeBehind = new Map<string, Made>();
  let best: { readonly made: Made; readonly margin: number } | undefined;
  for (let attempt = 1; ; attempt++) {
    const head = toHex(membership.state.headHash);
    const made = madeBehind.get(head) ?? makeEntry(options, membership);
    madeBehind.set(head, made);
    const central = await offerToCentrals(options, made, attempt >= mostTries, signal);
    const answers = central.moved ? noAnswers : await deliver(options, made, signal);
    const { isTaken, took, refused, undecided } = judgePlace(made.membership.state, newestKeys.account, answers);
    if (isTaken || (!central.moved && isAlone(made))) return made;
    const isContradicted = took + refused > 0;
    if (!isContradicted && attempt >= mostTries) return best?.made ?? refuse(doubts);
    const isDoubted = isContradicted && world.monotonicMs() >= patientUntilMs;
    if (isDoubted) {
      report("membership-log-contradicted", { entries: membership.entries.length, took, refused, undecided });
      const margin = took - refused - undecided;
      if (margin > (best?.margin ?? 0)) best = { made, margin };
      for (const { state } of [membership, made.membership]) doubts.heads.add(toHex(state.headHash));
      const { giver = [] } = membership;
      for (const doubted of [...answers.took, ...central.took].concat(giver)) doubts.givers.add(doubted);
    } else {
      // Another entry came first somewhere, or has not come everywhere: the log is read again.
      await world.sleep(pauseMs * attempt, signal);
    }
    const newest = await new MembershipSearch(searching, signal).run(keys, networks, doubts);
    if (newest === undefined && isDoubted) return best?.made ?? refuse(doubts);
    if (newest === undefined || (!isDoubted && newest.entries.length < membership.entries.length)) continue;
    checkKeys(newest, keys);
    membership = newest;
  }
}

function refuse({ heads }: Doubts): never {
  if (heads.size > 0) {
    throw recoveryFaults.fault(
      "members-disagree",
      "the members in reach have different member lists: see that more of them are online, then try again",
    );
  }
  throw recoveryFaults.fault(
    "no-members-reachable",
    "no member took this device in yet: see that some of them are online, then try again",
  );
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

async function deliver({ searching }: PlaceOptions, { entry, keys }: Made, signal: AbortSignal): Promise<EntryAnswers> {
  const { client, devices } = searching;
  const answers = await askEach(
    searching,
    devices.all(),
    signal,
    async (peer, limited): Promise<keyof EntryAnswers> => {
      try {
        await client.appendDevice(peer, keys, entry, limited);
        return "took";
      } catch (error) {
        if (isFault(error, "conflict")) return "refused";
        if (!isFault(error) || !undecidedCodes.has(error.code)) throw error;
        searching.failed?.(error);
        return "undecided";
      }
    },
  );
  const those = (said: keyof EntryAnswers): readonly string[] =>
    answers.flatMap(({ peer, value }) => (value === said ? [toHex(peer.deviceKey)] : []));
  return { took: those("took"), refused: those("refused"), undecided: those("undecided") };
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
): Promise<{ readonly moved: boolean; readonly took: readonly string[] }> {
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
          return { moved: false, took: [baseUrl] };
        } catch (error) {
          if (isLast || !isFault(error, "head-moved")) throw error;
          return { moved: true, took: [] };
        }
      },
      signal,
    ),
  );
  const answers = await Promise.all(offered);
  return {
    moved: answers.some((answer) => answer?.moved === true),
    took: answers.flatMap((answer) => answer?.took ?? []),
  };
}
