/** Apps on a real device with real Podman, each scene on a machine of its own. */
import { test } from "node:test";
import { playScene } from "./own-machine.ts";

test("an app that came with the device is installed and its page is reached by its owner alone", () =>
  playScene("scene-first-app.ts"));

test("a development network that starts afresh clears what a killed one has left of its apps", () =>
  playScene("scene-fresh.ts"));
