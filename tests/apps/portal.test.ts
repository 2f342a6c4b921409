/** What an owner does with apps in the portal, on a device and a machine of its own. */
import { test } from "node:test";
import { playScene } from "./own-machine.ts";

test("an app is found, installed, used, backed up, uninstalled and brought back with its data, all in the portal", () =>
  playScene("scene-portal.ts"));

test("an app is configured, updated, saved from a sick update, rolled back, restored and brought back from the network, all in the portal", () =>
  playScene("scene-portal-changes.ts"));
