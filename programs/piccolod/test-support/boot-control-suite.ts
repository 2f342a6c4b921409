/** What every `BootControl` and `BootImages` does. */
import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { fromUtf8, toUtf8 } from "@piccolo/bytes";
import type { BootControl, BootEntry, BootImages } from "../src/system/boot-control.ts";

export interface LoaderMachine {
  readonly boot: BootControl;
  /** Two entries before the first test of each, the newer one tried once with two tries left; ids newest first. */
  readonly ids: readonly [newer: string, older: string];
  /** What the boot loader does at a start; gives what it started. */
  readonly start: () => string | undefined;
}

const stateOf = async (boot: BootControl, id: string): Promise<BootEntry | undefined> =>
  (await boot.choice()).entries.find((entry) => entry.id === id);

export function bootControlSuite(name: string, make: (context: TestContext) => Promise<LoaderMachine>): void {
  suite(name, () => {
    test("an unknown entry is never chosen or blessed", async (context) => {
      const { boot } = await make(context);
      const before = await boot.choice();
      for (const id of ["piccolo-99.efi", "", "../piccolo-1.efi", "piccolo-1"]) {
        await assert.rejects(boot.bless(id), { code: "boot-entry-unknown" });
        await assert.rejects(boot.prefer(id), { code: "boot-entry-unknown" });
        await assert.rejects(boot.once(id), { code: "boot-entry-unknown" });
      }
      assert.deepEqual(await boot.choice(), before);
    });

    test("entries are listed newest first, with what is counted", async (context) => {
      const { boot, ids } = await make(context);
      const { entries, preferred, next } = await boot.choice();
      assert.deepEqual(
        entries.map(({ id }) => id),
        ids,
      );
      assert.deepEqual(entries[0]?.tries, { left: 2, done: 1 });
      assert.equal(entries[0]?.state, "trying");
      assert.equal(entries[1]?.state, "good");
      assert.deepEqual([preferred, next], [undefined, undefined]);
    });

    test("a blessed entry is not counted any more, however often it is blessed", async (context) => {
      const { boot, ids } = await make(context);
      await boot.bless(ids[0]);
      await boot.bless(ids[0]);
      assert.deepEqual(await stateOf(boot, ids[0]), { id: ids[0], state: "good", tries: undefined });
    });

    test("an entry that is not blessed is given up, and the one before it is started", async (context) => {
      const machine = await make(context);
      const { boot, ids } = machine;
      assert.deepEqual([machine.start(), machine.start(), machine.start()], [ids[0], ids[0], ids[1]]);
      assert.equal((await stateOf(boot, ids[0]))?.state, "bad");
      assert.equal((await boot.choice()).booted, ids[1]);
    });

    test("a preferred entry is started until that is taken back; one for once is started once", async (context) => {
      const machine = await make(context);
      const { boot, ids } = machine;
      await boot.bless(ids[0]);
      await boot.prefer(ids[1]);
      assert.equal((await boot.choice()).preferred, ids[1]);
      assert.deepEqual([machine.start(), machine.start()], [ids[1], ids[1]]);
      await boot.once(ids[0]);
      assert.equal((await boot.choice()).next, ids[0]);
      assert.deepEqual([machine.start(), machine.start()], [ids[0], ids[1]]);
      await boot.prefer(undefined);
      assert.equal(machine.start(), ids[0]);
    });
  });
}

export interface ImagesMachine {
  readonly boot: BootControl & BootImages;
  readonly start: () => string | undefined;
}

const image = (text: string): Uint8Array => toUtf8(text);

export function bootImagesSuite(name: string, make: (context: TestContext) => Promise<ImagesMachine>): void {
  suite(name, () => {
    const install = (boot: BootImages, release: number, prediction?: string): Promise<void> =>
      boot.install({
        id: `piccolo-${release}.efi`,
        content: image(`image ${release}`),
        tries: 2,
        prediction: prediction === undefined ? undefined : image(prediction),
      });

    test("names that are not those of releases are refused", async (context) => {
      const { boot } = await make(context);
      for (const id of ["piccolo-0.efi", "piccolo-1+3.efi", "../piccolo-1.efi", "systemd.efi", "piccolo-1.efi.part"]) {
        const content = image("image");
        await assert.rejects(boot.install({ id, content, tries: 1, prediction: undefined }), {
          code: "boot-entry-unknown",
        });
      }
      assert.deepEqual((await boot.choice()).entries, []);
      await assert.rejects(boot.digestOf("piccolo-1.efi"), { code: "boot-entry-unknown" });
    });

    test("neither the running entry nor the only one known to work is removed or written over", async (context) => {
      const { boot, start } = await make(context);
      await install(boot, 1);
      await boot.bless("piccolo-1.efi");
      await install(boot, 2);
      await assert.rejects(boot.remove("piccolo-1.efi"), { code: "boot-entry-in-use" });
      assert.equal(start(), "piccolo-2.efi");
      await assert.rejects(boot.remove("piccolo-2.efi"), { code: "boot-entry-in-use" });
      await assert.rejects(install(boot, 2), { code: "boot-entry-in-use" });
      await boot.bless("piccolo-2.efi");
      await boot.remove("piccolo-1.efi");
      await boot.remove("piccolo-1.efi");
      assert.deepEqual(
        (await boot.choice()).entries.map(({ id }) => id),
        ["piccolo-2.efi"],
      );
    });

    test("a new image is an entry with its tries, and lies there as it was given", async (context) => {
      const { boot } = await make(context);
      await install(boot, 9, "nine");
      await install(boot, 10, "ten");
      const { entries } = await boot.choice();
      assert.deepEqual(entries[0], { id: "piccolo-10.efi", state: "trying", tries: { left: 2, done: 0 } });
      assert.notEqual(await boot.digestOf("piccolo-10.efi"), await boot.digestOf("piccolo-9.efi"));
      assert.deepEqual((await boot.predictions()).map(fromUtf8).sort(), ["nine", "ten"]);
    });

    test("an image that was used up is written again with fresh tries", async (context) => {
      const { boot, start } = await make(context);
      await install(boot, 1);
      await boot.bless("piccolo-1.efi");
      await install(boot, 2);
      assert.deepEqual([start(), start(), start()], ["piccolo-2.efi", "piccolo-2.efi", "piccolo-1.efi"]);
      await install(boot, 2);
      assert.deepEqual((await boot.choice()).entries[0]?.tries, { left: 2, done: 0 });
    });

    test("with an image goes its prediction, and the wish to prefer it", async (context) => {
      const { boot } = await make(context);
      await install(boot, 1, "one");
      await boot.bless("piccolo-1.efi");
      await install(boot, 2, "two");
      await boot.prefer("piccolo-2.efi");
      await boot.remove("piccolo-2.efi");
      assert.equal((await boot.choice()).preferred, undefined);
      assert.deepEqual((await boot.predictions()).map(fromUtf8), ["one"]);
    });
  });
}
