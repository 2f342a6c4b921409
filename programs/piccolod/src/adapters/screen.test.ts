import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { deviceNetworks, networkOf } from "../apps/addresses.ts";
import { hasWayOut } from "./own-addresses.ts";
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

test("a network is what leads out of the device: not its own loopback, what each interface gives itself, or an app's bridge", () => {
  const { bridge, gateway } = networkOf(deviceNetworks("ab1f", 3), 7, "outer");
  const inside = {
    lo: [{ address: "127.0.0.1", internal: true }],
    enp1s0: [
      { address: "169.254.7.9", internal: false },
      { address: "fe80::1", internal: false },
    ],
    [bridge]: [{ address: gateway, internal: false }],
  };
  assert.equal(hasWayOut({}), false);
  assert.equal(hasWayOut(inside), false);
  for (const address of ["192.168.1.20", "10.128.0.1", "fd00::20", "2001:db8::20"]) {
    assert.equal(hasWayOut({ ...inside, enp2s0: [{ address, internal: false }] }), true, address);
  }
});
