/** How devices come to a direct connection without central's help, in network namespaces of their own. */
import { test } from "node:test";
import { playScene } from "./own-network.ts";

test("members whose addresses have changed find each other on the local network while central is gone", () =>
  playScene("scene-local-network.ts"));

test("a connection through the relay is replaced by a direct one where one side can be reached", () =>
  playScene("scene-direct-upgrade.ts"));

test("a new device with nothing but the phrase finds its members on the local network while central is gone", () =>
  playScene("scene-local-recovery.ts"));
