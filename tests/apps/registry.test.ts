/** Images from a registry, on a machine of its own. */
import { test } from "node:test";
import { playScene } from "./own-machine.ts";

test("images come from a registry, and whatever goes wrong on the way is told as what it is", () =>
  playScene("scene-registry.ts"));

test("an app comes from a registry with TLS, and from one without it only where a setting of development names that one", () =>
  playScene("scene-registry-install.ts"));

test("a registry that dies and a disk that fills up in the middle of an install leave nothing half, and the app comes after all", () =>
  playScene("scene-registry-broken.ts"));
