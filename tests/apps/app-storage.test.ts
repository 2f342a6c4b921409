/** Apps' data on real file systems, on a machine of its own. */
import { test } from "node:test";
import { playScene } from "./own-machine.ts";

test("the room for apps' data keeps what its port promises", () => playScene("scene-app-storage.ts"));
