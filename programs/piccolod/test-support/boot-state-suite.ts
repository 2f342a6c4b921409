/** What every `BootState` does, run by the one in memory and the one over a folder. */
import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { logBytesMax } from "@piccolo/attest";
import { type BootState, type FoundBoot, pcrKeyBytesMax } from "../src/system/boot-state.ts";

/** A machine whose firmware and kernel can be told what to show. */
export interface BootMachine {
  readonly bootState: BootState;
  readonly show: (what: FoundBoot) => void;
}

const nothing: FoundBoot = {
  firmware: "bios",
  secureBoot: undefined,
  setupMode: undefined,
  log: undefined,
  pcrKey: undefined,
};

export function bootStateSuite(name: string, make: (context: TestContext) => BootMachine): void {
  suite(name, () => {
    test("a log or a key over its bound is refused, and one at its bound is read to its end", async (context) => {
      const { bootState, show } = make(context);
      for (const [what, most] of [
        ["log", logBytesMax],
        ["pcrKey", pcrKeyBytesMax],
      ] as const) {
        show({ ...nothing, firmware: "uefi", [what]: new Uint8Array(most + 1) });
        await assert.rejects(bootState.read(), { code: "boot-state-unreadable" });
        const whole = new Uint8Array(most).fill(7);
        show({ ...nothing, firmware: "uefi", [what]: whole });
        assert.deepEqual((await bootState.read())[what], whole);
      }
    });

    test("an old machine shows nothing, and that is no failure", async (context) => {
      const { bootState, show } = make(context);
      show(nothing);
      assert.deepEqual(await bootState.read(), nothing);
    });

    test("what a machine shows is read anew each time", async (context) => {
      const { bootState, show } = make(context);
      const found: FoundBoot = {
        firmware: "uefi",
        secureBoot: true,
        setupMode: false,
        log: new Uint8Array([1, 2, 3]),
        pcrKey: new Uint8Array([4, 5]),
      };
      show(found);
      assert.deepEqual(await bootState.read(), found);
      const later = { ...found, secureBoot: false, setupMode: true, log: new Uint8Array([1, 2, 3, 4]) };
      show(later);
      assert.deepEqual(await bootState.read(), later);
      show({ ...nothing, firmware: "uefi" });
      assert.deepEqual(await bootState.read(), { ...nothing, firmware: "uefi" });
    });

    test("an empty log is one that says nothing", async (context) => {
      const { bootState, show } = make(context);
      show({ ...nothing, firmware: "uefi", log: new Uint8Array(0) });
      assert.deepEqual((await bootState.read()).log, new Uint8Array(0));
    });
  });
}
