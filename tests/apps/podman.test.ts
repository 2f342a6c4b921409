/** The adapters to Podman, packet filter and storage, on a machine of their own. */
import { test } from "node:test";
import { playScene } from "./own-machine.ts";

test("Podman keeps what the port to containers promises, and what keeps apps apart holds", () =>
  playScene("scene-podman.ts"));

test("Podman makes no notes of images where the system keeps it from them", () => playScene("scene-notes.ts"));
