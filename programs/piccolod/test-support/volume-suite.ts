import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import type { Volume } from "../src/security/volume.ts";

export interface VolumeUnderTest {
  readonly volume: Volume;
  /** The same volume as another process would open it, after a restart of the machine. */
  readonly again: () => Volume;
  /** Each way spoils what the volume needs to open, so that it is noticed. */
  readonly spoil: readonly (() => void)[];
  /** Takes away what the volume cannot be without, but not all of it. */
  readonly lose: () => void;
  /** Puts back what was spoilt and lost. */
  readonly repair: () => void;
  /** Leaves what a crash leaves while a volume is being made. */
  readonly halfMake: () => Promise<void>;
  /** What is still there of a volume. */
  readonly rest: () => readonly string[];
}

/** A volume that lies in a folder, with its key check in the folder's one entry. */
export function inFolder(folder: string, make: () => Volume): VolumeUnderTest {
  const rest = (): readonly string[] => readdirSync(folder).filter((entry) => entry !== "mount");
  const check = (): string => join(folder, rest()[0] ?? "", "key-check");
  let content: Buffer | undefined;
  const spoilt = (how: (right: Buffer) => Buffer) => () => {
    content ??= readFileSync(check());
    writeFileSync(check(), how(content));
  };
  return {
    volume: make(),
    again: make,
    spoil: [spoilt((right) => right.subarray(0, 40)), spoilt((right) => Buffer.from(right).fill(1, 50, 51))],
    lose: () => rmSync(check()),
    repair: () => {
      if (content !== undefined) writeFileSync(check(), content);
    },
    halfMake: async () => {
      for (const name of ["plain.new", "sealed.new"]) {
        mkdirSync(join(folder, name, "cipher"), { recursive: true });
        writeFileSync(join(folder, name, "cipher/half"), "");
      }
    },
    rest,
  };
}

const key = new Uint8Array(32).fill(7);
const otherKey = new Uint8Array(32).fill(8);

/** What every backend does. */
export function volumeSuite(name: string, make: (context: TestContext) => VolumeUnderTest): void {
  suite(`${name} as a volume`, () => {
    test("one that was never made is absent, and cannot be opened", async (context) => {
      const { volume } = make(context);
      assert.equal(await volume.state(), "absent");
      await assert.rejects(volume.open(key), { code: "volume-missing" });
      await volume.close();
      await volume.destroy();
      assert.equal(await volume.state(), "absent");
    });

    test("it is made once, open and empty", async (context) => {
      const { volume } = make(context);
      await volume.create(key);
      assert.equal(await volume.state(), "open");
      assert.deepEqual(readdirSync(volume.path), []);
      await assert.rejects(volume.create(otherKey), { code: "volume-busy" });
    });

    test("what was written is there after it was closed and opened again, and not in between", async (context) => {
      const { volume, again } = make(context);
      await volume.create(key);
      mkdirSync(join(volume.path, "folder"));
      writeFileSync(join(volume.path, "folder/file"), "content");
      await volume.open(key);
      await volume.close();
      await volume.close();
      assert.equal(await volume.state(), "closed");
      const later = again();
      assert.equal(await later.state(), "closed");
      await later.open(key);
      assert.equal(await later.state(), "open");
      assert.equal(readFileSync(join(later.path, "folder/file"), "utf8"), "content");
    });

    test("another key does not open it, and harms nothing", async (context) => {
      const { volume, again } = make(context);
      await volume.create(key);
      writeFileSync(join(volume.path, "file"), "content");
      await volume.close();
      await assert.rejects(again().open(otherKey), { code: "volume-wrong-key" });
      assert.equal(await again().state(), "closed");
      await volume.open(key);
      assert.ok(existsSync(join(volume.path, "file")));
    });

    test("one whose own files were lost or changed stays closed as damaged", async (context) => {
      const { volume, again, spoil, lose, repair } = make(context);
      await volume.create(key);
      await volume.close();
      for (const how of spoil) {
        how();
        await assert.rejects(again().open(key), { code: "volume-damaged" });
      }
      lose();
      assert.equal(await again().state(), "damaged");
      await assert.rejects(again().open(key), { code: "volume-damaged" });
      await assert.rejects(again().create(key), { code: "volume-busy" });
      repair();
      await again().open(key);
    });

    test("destroyed, it is gone with all its content, and can be made anew", async (context) => {
      const { volume, rest } = make(context);
      await volume.create(key);
      writeFileSync(join(volume.path, "file"), "content");
      await volume.destroy();
      assert.equal(await volume.state(), "absent");
      assert.deepEqual(rest(), []);
      await volume.create(otherKey);
      assert.deepEqual(readdirSync(volume.path), []);
    });

    test("what a crash left of one that was being made is no hindrance", async (context) => {
      const { volume, again, halfMake } = make(context);
      await halfMake();
      assert.equal(await again().state(), "absent");
      await volume.create(key);
      assert.equal(await volume.state(), "open");
    });
  });
}
