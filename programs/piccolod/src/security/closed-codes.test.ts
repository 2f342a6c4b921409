import assert from "node:assert/strict";
import { test } from "node:test";
import { closedCodes } from "@piccolo/device-api";
import { tpmFaults } from "@piccolo/tpm2";
import { stateFaults } from "../adapters/state-folder.ts";
import { bootFaults } from "./boot.ts";
import { identityFaults } from "./identity.ts";
import { outsideFaults } from "./outside-record.ts";
import { securityChipFaults } from "./security-chip.ts";
import { bootStateFaults } from "../system/boot-state.ts";
import { startKeyCodes } from "./start-keys.ts";
import { volumeFaults } from "./volume.ts";

test("whatever keeps a volume closed has a code of the contract", () => {
  const catalogues = [
    bootFaults,
    outsideFaults,
    volumeFaults,
    securityChipFaults,
    tpmFaults,
    stateFaults,
    bootStateFaults,
  ];
  const possible = [...catalogues.flatMap(({ entries }) => Object.keys(entries)), ...startKeyCodes];
  const known = new Set<string>(closedCodes);
  const answers = new Set(["nothing-to-open", "volume-swapped"]);
  assert.deepEqual(
    possible.filter((code) => !known.has(code) && !answers.has(code)),
    [],
    "neither a reason to be closed, nor the answer to a request alone",
  );
  assert.equal(known.size, closedCodes.length);
});

test("each says what to do, in words for a person", () => {
  const catalogues = [bootFaults, outsideFaults, volumeFaults, securityChipFaults, stateFaults, tpmFaults];
  const meanings = catalogues.flatMap(({ entries }) => Object.values<{ readonly meaning: string }>(entries));
  for (const { meaning } of meanings) assert.match(meaning, /[;,:].+\.$/, meaning);
});

test("what was on the disk is promised to come back by the phrase only to a device that was in a network, which a closed one cannot know", () => {
  const catalogues = [outsideFaults, volumeFaults, identityFaults];
  const meanings = catalogues.flatMap(({ entries }) => Object.values<{ readonly meaning: string }>(entries));
  const anew = meanings.map(({ meaning }) => meaning).filter((meaning) => meaning.includes("recover by the phrase"));
  assert.equal(anew.length, 5);
  for (const meaning of anew)
    assert.match(meaning, /if the device was in a network, .* in none, .*keep the disk/, meaning);
});
