/** A connection that the packet filter forgot, on a machine of its own. */
import { test } from "node:test";
import { playScene } from "./own-machine.ts";

test("an answer arrives although the packet filter forgot its connection", () => playScene("scene-forgotten.ts"));
