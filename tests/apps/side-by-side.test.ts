/** Updates without a pause, on a machine of its own. */
import { test } from "node:test";
import { playScene } from "./own-machine.ts";

test("an app whose versions may run beside each other is updated without any visitor waiting", () =>
  playScene("scene-side-by-side.ts"));

test("an app with data on a volume that both of its versions share loses no write when it is updated, well or sick", () =>
  playScene("scene-shared-volume.ts"));
