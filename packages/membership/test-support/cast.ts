/** Owners, their devices and a log to which tests add entries, right and wrong ones. The same on every run. */
import { createHash } from "node:crypto";
import {
  certifyDevice,
  deriveOwnerKeys,
  type DeviceCertificate,
  type Ed25519Key,
  ed25519FromSeed,
  type OwnerKeys,
  signStatement,
} from "@piccolo/envelope";
import { SeededWorld, type World } from "@piccolo/world";
import {
  encodeCore,
  encodeEntry,
  type EntryBody,
  type EntryPosition,
  entryStatement,
  invitationUseStatement,
  type MemberRecord,
} from "../src/entry-codec.ts";
import { acceptInvitation, cosignInvitation, createInvitation, createNetwork, replay } from "../src/index.ts";
import type { Invitation } from "../src/invitation.ts";
import type { MemberSignature } from "../src/signer.ts";
import { withSignature } from "../src/signer.ts";
import type { NetworkState } from "../src/state.ts";

export const startMs = 1_800_000_000_000;
export const invitationLifetimeMs = 86_400_000;

/** The seeded world's random bytes at a fixed time. */
export class FixedWorld implements World {
  readonly #source: SeededWorld;
  readonly #nowMs: number;

  constructor(seed: string, nowMs = startMs) {
    this.#source = new SeededWorld(seed);
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#source.sleep(ms, signal);
  }

  randomBytes(length: number): Uint8Array<ArrayBuffer> {
    return this.#source.randomBytes(length);
  }
}

/** 32 bytes that depend on a name alone. */
export function bytesOf(name: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(name).digest());
}

export class Person {
  readonly name: string;
  readonly keys: OwnerKeys;
  readonly deviceKey: Ed25519Key;
  readonly device: DeviceCertificate;

  constructor(name: string, deviceEpoch = 1, keys = deriveOwnerKeys(bytesOf(`${name} root`), 1)) {
    this.name = name;
    this.keys = keys;
    this.deviceKey = ed25519FromSeed(bytesOf(`${name} device ${deviceEpoch}`));
    this.device = certifyDevice(this.keys, this.deviceKey.publicKey, deviceEpoch);
  }

  get account(): Uint8Array {
    return this.keys.account;
  }

  /** The same person and device with other owner keys of the account. */
  withKeys(keys: OwnerKeys): Person {
    return new Person(this.name, this.device.deviceEpoch, keys);
  }

  /** What an entry says of this person, with parts of it changed. */
  record(changed: Partial<MemberRecord> = {}): MemberRecord {
    return {
      account: this.account,
      ownerPublicKey: this.keys.ownerPublicKey,
      deviceKey: this.device.deviceKey,
      deviceEpoch: this.device.deviceEpoch,
      deviceCertificate: this.device.signature,
      name: this.name,
      ...changed,
    };
  }

  signature(kind: EntryBody["kind"], networkId: Uint8Array | undefined, core: Uint8Array): MemberSignature {
    return { account: this.account, signature: this.keys.sign(entryStatement(kind, networkId, this.account, core)) };
  }
}

export const ada = new Person("Ada");
export const bela = new Person("Bela");
export const chiara = new Person("Chiara");
export const deniz = new Person("Deniz");
export const emil = new Person("Emil");
export const farah = new Person("Farah");

export function positionAfter(state: NetworkState, changed: Partial<EntryPosition> = {}): EntryPosition {
  return { sequence: state.length, previous: state.headHash, timeMs: state.headTimeMs + 1_000, ...changed };
}

/** An entry of any content, signed by whom one likes. */
export function entryOf(
  networkId: Uint8Array | undefined,
  position: EntryPosition,
  body: EntryBody,
  signers: readonly Person[],
  invitationKey?: Ed25519Key,
): Uint8Array {
  const core = encodeCore(position, body);
  const use =
    invitationKey === undefined || networkId === undefined || body.kind !== "add"
      ? undefined
      : signStatement(invitationKey, invitationUseStatement(networkId, body.member.account, core));
  const signatures = signers.map((signer) => signer.signature(body.kind, networkId, core));
  return encodeEntry(core, use, signatures.reduce<readonly MemberSignature[]>(withSignature, []));
}

/** An invitation by these members, made at `startMs`. */
export function invitationBy(state: NetworkState, inviters: readonly Person[], seed: string): Invitation {
  const [first, ...others] = inviters;
  if (first === undefined) throw new Error("somebody invites");
  const world = new FixedWorld(`invitation ${seed}`);
  const expiresAtMs = startMs + invitationLifetimeMs;
  const invitation = createInvitation({ state, ownerKeys: first.keys, expiresAtMs, world });
  const signed = others.reduce(
    (signed, inviter) => cosignInvitation({ state, ownerKeys: inviter.keys, signed }),
    invitation.signed,
  );
  return invitation.withSignatures(signed);
}

export function joining(state: NetworkState, person: Person, invitation: Invitation): Uint8Array {
  return acceptInvitation({
    state,
    invitation,
    ownerKeys: person.keys,
    device: person.device,
    name: person.name,
    world: new FixedWorld(`join ${person.name}`, startMs + state.length * 60_000),
  });
}

export function firstEntry(): Uint8Array {
  return createNetwork({
    ownerKeys: ada.keys,
    device: ada.device,
    name: ada.name,
    networkName: "Lindenstrasse",
    world: new FixedWorld("create"),
  });
}

/** Ada's network with Bela, Chiara and Deniz, one entry each; `length` takes the beginning of it. */
export function logOf(length: 1 | 2 | 3 | 4): readonly Uint8Array[] {
  const entries = [firstEntry()];
  for (const person of [bela, chiara, deniz].slice(0, length - 1)) {
    const state = replay(entries);
    entries.push(joining(state, person, invitationBy(state, [ada], person.name)));
  }
  return entries;
}

export function stateOf(length: 1 | 2 | 3 | 4): NetworkState {
  return replay(logOf(length));
}
