import assert from "node:assert/strict";
import { argon2Sync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Argon2id, decideSlot, ed25519FromSeed, verifySealedSlot } from "@piccolo/envelope";
import { SeededWorld } from "@piccolo/world";
import { DurableFolder } from "../adapters/state-folder.ts";
import { MemoryChip } from "../adapters/tpm/memory-chip.ts";
import { Keyring } from "./keyring.ts";
import { recordKey } from "./outside-record.ts";
import { OutsideStore, writeFirstOutside } from "./outside-store.ts";
import { OwnerSecurity } from "./owner-security.ts";

const least = { memoryKiB: 8, passes: 1, parallelism: 1 };

test("a slot renewed while a re-key seals its password is no higher than that of the re-key", async (context) => {
  const path = mkdtempSync(join(tmpdir(), "piccolod-race-"));
  context.after(() => rmSync(path, { recursive: true }));
  const [state, content] = [new DurableFolder(join(path, "state")), new DurableFolder(join(path, "content"))];
  const world = new SeededWorld("race");
  const volumeKey = world.randomBytes(32);
  const key = recordKey(volumeKey);
  const record = { number: 1, state: "made", backend: "plain-folder", sealedPepper: undefined } as const;
  writeFirstOutside(state, { ...record, sealedVolumeKey: undefined, slots: undefined }, key);
  content.write("unclaimed-volume-key", volumeKey);
  const outside = new OutsideStore(state, content, key);
  const chip = new MemoryChip({ world, seed: world.randomBytes(32) });
  let meanwhile: () => void = () => undefined;
  const argon2: Argon2id = ({
    password: message,
    salt: nonce,
    memoryKiB: memory,
    passes,
    parallelism,
    outputBytes,
  }) => {
    meanwhile();
    const input = { message, nonce, memory, passes, parallelism, tagLength: outputBytes };
    return Promise.resolve(new Uint8Array(argon2Sync("argon2id", input)));
  };
  const keyring = new Keyring({ outside, chip, argon2, floor: least });
  let name = "before";
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
    details: () => [{ id: new Uint8Array(32).fill(1), name, central: "", members: [] }],
    crashPoint: () => undefined,
    report: () => undefined,
    slotChanged: (slot) => kept.push(slot),
  });
  await security.claim("Ada", "a good password");
  const root = await keyring.openRoot("a good password");
  const { words, askedBack } = security.makePhrase(root);
  const proof = { words: askedBack.map((position) => ({ position, word: words[position - 1] ?? "" })) };
  meanwhile = () => {
    name = "after";
    if (security.renewDetails(true)) kept.push(keyring.slots().phraseSlot ?? assert.fail());
  };
  await security.rekey.begin(root, "a good password", proof);
  const slots = kept.map(verifySealedSlot);
  const last = slots.at(-1) ?? assert.fail();
  assert.equal(slots.length, 3);
  assert.equal(last.epoch, 2);
  assert.equal(decideSlot(slots.slice(1, 2), last, false).decision, "keep");
});
