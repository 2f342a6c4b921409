/** Names and certificates of apps on the local network, on a machine of its own. */
import { test } from "node:test";
import { playScene } from "./own-machine.ts";

test("an app has a name on the local network and a certificate of the device's authority", () =>
  playScene("scene-secure.ts"));
