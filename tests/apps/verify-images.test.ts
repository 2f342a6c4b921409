/** The command by which a publisher verifies a catalog's images, on a machine of its own. */
import { test } from "node:test";
import { playScene } from "./own-machine.ts";

test("images are verified by their digests with real Podman, whatever a registry does, and nothing of it stays", () =>
  playScene("scene-verify-images.ts"));
