/** The owner's keys without a device around them, at next to no cost. */
import assert from "node:assert/strict";
import { argon2Sync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Argon2id, ed25519FromSeed } from "@piccolo/envelope";
import { SeededWorld } from "@piccolo/world";
import { DurableFolder } from "../src/adapters/state-folder.ts";
import { MemoryChip } from "../src/adapters/tpm/memory-chip.ts";
import { Keyring } from "../src/security/keyring.ts";
import { recordKey } from "../src/security/outside-record.ts";
import { OutsideStore, writeFirstOutside } from "../src/security/outside-store.ts";
import { OwnerSecurity } from "../src/security/owner-security.ts";
import type { PhraseProof, ShownPhrase } from "../src/security/phrase-making.ts";

export const least = { memoryKiB: 8, passes: 1, parallelism: 1 };

export const cheapArgon2: Argon2id = ({
  password: message,
  salt: nonce,
  memoryKiB: memory,
  passes,
  parallelism,
  outputBytes,
}) => {
  const input = { message, nonce, memory, passes, parallelism, tagLength: outputBytes };
  return Promise.resolve(new Uint8Array(argon2Sync("argon2id", input)));
};

export interface Owner {
  readonly security: OwnerSecurity;
  readonly keyring: Keyring;
  readonly content: DurableFolder;
  /** Slots as the others would get them. */
  readonly kept: Uint8Array[];
  /** Name of the owner's network, and what happens while a password is stretched. */
  network: string;
  meanwhile: () => void;
  slot(): Uint8Array;
}

export const ownerPassword = "a good password";

/** The two words that are asked back. */
export const proofOf = ({ words, askedBack }: ShownPhrase): PhraseProof => ({
  words: askedBack.map((position) => ({ position, word: words[position - 1] ?? "" })),
});

/** Claimed, with `ownerPassword`. */
export async function createOwner(context: TestContext, seed = "owner"): Promise<Owner> {
  const path = mkdtempSync(join(tmpdir(), "piccolod-owner-"));
  context.after(() => rmSync(path, { recursive: true }));
  const [state, content] = [new DurableFolder(join(path, "state")), new DurableFolder(join(path, "content"))];
  const world = new SeededWorld(seed);
  const volumeKey = world.randomBytes(32);
  const key = recordKey(volumeKey);
  const record = { number: 1, state: "made", backend: "plain-folder", sealedPepper: undefined } as const;
  writeFirstOutside(state, { ...record, sealedVolumeKey: undefined, slots: undefined }, key);
  content.write("unclaimed-volume-key", volumeKey);
  const outside = new OutsideStore(state, content, key);
  const chip = new MemoryChip({ world, seed: world.randomBytes(32) });
  const argon2: Argon2id = (input) => {
    owner.meanwhile();
    return cheapArgon2(input);
  };
  const keyring = new Keyring({ outside, chip, argon2, floor: least });
  const kept: Uint8Array[] = [];
  const security = new OwnerSecurity({
    content,
    outside,
    keyring,
    chip,
    argon2,
    world,
    cost: least,
    floor: least,
    deviceKey: ed25519FromSeed(world.randomBytes(32)),
    details: () => [{ id: new Uint8Array(32).fill(1), name: owner.network, central: "", members: [] }],
    crashPoint: () => undefined,
    report: () => undefined,
    slotChanged: (slot) => kept.push(slot),
  });
  const owner: Owner = {
    security,
    keyring,
    content,
    kept,
    network: "before",
    meanwhile: () => undefined,
    slot: () => keyring.slots().phraseSlot ?? assert.fail("there is no slot"),
  };
  await security.claim("Ada", ownerPassword);
  return owner;
}
