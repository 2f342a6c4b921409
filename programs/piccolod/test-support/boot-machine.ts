/** A start of the image without the rest of the device: what a test of the start itself is about is given, the rest is as usual. */
import { passwordCostFloor } from "@piccolo/envelope";
import { realWorld } from "@piccolo/world/real";
import { createLog } from "../src/adapters/log.ts";
import { oneAtATime } from "../src/security/argon2-queue.ts";
import { Boot, type BootOptions } from "../src/security/boot.ts";

type Given = "state" | "volume" | "chip" | "firstBoot" | "distrust";

export function bootMachine(given: Pick<BootOptions, Given> & Partial<BootOptions>): Boot {
  return new Boot({
    world: realWorld,
    log: createLog(
      () => undefined,
      () => 0,
    ),
    argon2: oneAtATime(),
    floor: passwordCostFloor,
    staysUp: true,
    ...given,
  });
}
