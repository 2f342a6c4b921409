import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { Screens } from "./screen.ts";

test("a screen says that there is no network for as long as there is none, and nothing twice", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-screen-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const screen = join(folder, "tty");
  writeFileSync(screen, "");
  let network = false;
  const looks: (() => void)[] = [];
  const world = {
    ...realWorld,
    sleep: (_ms: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        looks.push(resolve);
        signal?.addEventListener("abort", () => reject(new Error("stopped")));
      }),
  };
  const screens = new Screens({ paths: [screen, join(folder, "none/tty")], world, hasNetwork: () => network });
  const shown = (): string => {
    const text = readFileSync(screen, "utf8");
    writeFileSync(screen, "");
    return text;
  };
  const nextLook = async (): Promise<void> => {
    const next = looks.length + 1;
    looks.at(-1)?.();
    while (looks.length < next) await new Promise((resolve) => setImmediate(resolve));
  };
  screens.show(["Piccolo-OS", "Claim code: 1234"]);
  assert.match(shown(), /Claim code: 1234[\s\S]*has no network: connect it/);
  await nextLook();
  assert.equal(shown(), "");
  network = true;
  await nextLook();
  const found = shown();
  assert.match(found, /Claim code: 1234/);
  assert.ok(!found.includes("no network"));
  await screens.close();
});
