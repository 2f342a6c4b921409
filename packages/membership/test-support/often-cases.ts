/** A member who changes device or owner key as often as the rules let one, and once more. */
import { certifyDevice, ed25519FromSeed, type OwnerRotation } from "@piccolo/envelope";
import { decodeEntry, type EntryBody, type EntryPosition } from "../src/entry-codec.ts";
import { applyEntry, leaveNetwork, logEntriesMax, replay } from "../src/index.ts";
import {
  ada,
  bela,
  bytesOf,
  entryOf,
  FixedWorld,
  invitationBy,
  logOf,
  Person,
  positionAfter,
  startMs,
  stateOf,
} from "./cast.ts";
import type { Cases } from "./entry-cases.ts";
import { rekeyed, rotation } from "./key-cases.ts";

const rotationsMax = 64;

/** Entries one after the other, on the log of four. */
function chained(made: readonly (readonly [EntryBody, Person])[]): readonly Uint8Array[] {
  const { networkId, headHash, headTimeMs } = stateOf(4);
  let position: EntryPosition = { sequence: 4, previous: headHash, timeMs: headTimeMs };
  return made.map(([body, signer]) => {
    const entry = entryOf(networkId, position, body, [signer]);
    position = { ...position, sequence: position.sequence + 1, previous: decodeEntry(entry).hash };
    return entry;
  });
}

function deviceOf(deviceEpoch: number): EntryBody {
  const key = ed25519FromSeed(bytesOf(`Bela device ${deviceEpoch}`)).publicKey;
  const { deviceKey, signature: deviceCertificate } = certifyDevice(bela.keys, key, deviceEpoch);
  return { kind: "device", account: bela.account, deviceKey, deviceEpoch, deviceCertificate };
}

/** Bela replaces the device so many times. */
export function changedOften(times: number): readonly Uint8Array[] {
  return chained(Array.from({ length: times }, (_, at) => [deviceOf(at + 2), bela] as const));
}

/** Bela rotates the owner key so many times, in as few entries as there can be. */
export function rotatedOften(times: number): readonly Uint8Array[] {
  const made: (readonly [EntryBody, Person])[] = [];
  let person = bela;
  for (let left = times; left > 0; left -= rotationsMax) {
    const rotations: OwnerRotation[] = [];
    for (let at = 0; at < Math.min(left, rotationsMax); at++) {
      const next = rekeyed(person);
      rotations.push(rotation(person, next));
      person = next;
    }
    made.push([{ kind: "key", account: bela.account, rotations }, person]);
  }
  return chained(made);
}

/** So many strangers join, each with as many rotations as a lineage holds. */
export function joinedRotated(times: number): readonly Uint8Array[] {
  let state = stateOf(4);
  return Array.from({ length: times }, (_, at) => {
    const first = new Person(`Rotated ${at}`);
    const rotations: OwnerRotation[] = [];
    let person = first;
    while (rotations.length < rotationsMax) {
      const next = rekeyed(person);
      rotations.push(rotation(person, next));
      person = next;
    }
    const invitation = invitationBy(state, [ada, bela], first.name);
    const member = person.record({ lineage: { firstOwnerPublicKey: first.keys.ownerPublicKey, rotations } });
    const body: EntryBody = { kind: "add", member, invitation: invitation.signed };
    const entry = entryOf(state.networkId, positionAfter(state), body, [person], invitation.key());
    // The one too many is made as well, though no state follows it.
    if (at + 1 < times) state = applyEntry(state, entry);
    return entry;
  });
}

export function oftenCases(cases: Cases): void {
  const devices = changedOften(257);
  const before = devices.slice(0, -1);
  const [last] = devices.slice(-1);
  const rotations = rotatedOften(257);
  const [lastRotation] = rotations.slice(-1);
  if (last === undefined || lastRotation === undefined) throw new Error("there is a last one");
  const tooMany = "too-many-changes";
  cases.refuses("M21", "device-257", tooMany, "A member's 257th replaced device.", 4, last, before);
  cases.refuses("M21", "key-257", tooMany, "A member's 257th rotation.", 4, lastRotation, rotations.slice(0, -1));

  const state = replay([...logOf(4), ...before]);
  const world = new FixedWorld("often", startMs + 600_000);
  const left = leaveNetwork({ state, ownerKeys: bela.keys, world });
  const gone = replay([...logOf(4), ...before, left]);
  const invitation = invitationBy(gone, [ada], "comes back");
  const device = certifyDevice(bela.keys, ed25519FromSeed(bytesOf("Bela device 258")).publicKey, 258);
  const { deviceKey, deviceEpoch, signature: deviceCertificate } = device;
  const member = bela.record({ deviceKey, deviceEpoch, deviceCertificate });
  const body: EntryBody = { kind: "add", member, invitation: invitation.signed };
  const added = entryOf(gone.networkId, positionAfter(gone), body, [bela], invitation.key());
  const back = replay([...logOf(4), ...before, left, added]);
  const anew = entryOf(back.networkId, positionAfter(back), deviceOf(259), [bela]);
  const about = "Who joins again is counted from the beginning.";
  cases.takes("M21", "device-after-rejoining", about, 4, anew, [...before, left, added]);

  const joined = joinedRotated(17);
  const [lastJoined] = joined.slice(-1);
  if (lastJoined === undefined) throw new Error("there is a last one");
  const more = "The rotations of those who joined are more than a log has.";
  cases.refuses("M22", "add-rotated-full", "membership-full", more, 4, lastJoined, joined.slice(0, -1));

  const four = stateOf(4);
  const full = positionAfter(four, { sequence: logEntriesMax });
  const entry = entryOf(four.networkId, full, deviceOf(2), [bela]);
  cases.refuses("M22", "full", "membership-full", "An entry beyond the most that a log has.", 4, entry);
}
