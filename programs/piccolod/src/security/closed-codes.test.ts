import assert from "node:assert/strict";
import { test } from "node:test";
import { closedCodes } from "@piccolo/device-api";
import { tpmFaults } from "@piccolo/tpm2";
import type { SecureBootState } from "../adapters/firmware/secure-boot.ts";
import { stateFaults } from "../adapters/state-folder.ts";
import { bootFaults } from "./boot.ts";
import { outsideFaults } from "./outside-record.ts";
import { securityChipFaults } from "./security-chip.ts";
import { distrustOf } from "./start-trust.ts";
import { volumeFaults } from "./volume.ts";

/** Of requests, not of the state of a closed device. */
const ofRequests = new Set(["record-was-older", "nothing-to-open", "state-in-use"]);

test("the contract names each code that a closed device may give as its reason, and no other", async () => {
  const catalogues = [bootFaults, outsideFaults, volumeFaults, securityChipFaults, tpmFaults, stateFaults];
  const codes = new Set(catalogues.flatMap(({ entries }) => Object.keys(entries)));
  const states: readonly SecureBootState[] = ["off", "setup-mode", "no-uefi"];
  for (const state of states) {
    const reason = await distrustOf(() => state, { checkStart: async () => undefined })();
    codes.add(reason?.code ?? "");
  }
  for (const code of ofRequests) codes.delete(code);
  assert.deepEqual([...codes].sort(), [...closedCodes].sort());
});
