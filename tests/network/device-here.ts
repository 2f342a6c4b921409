/** A device of a test network that runs within the test's own process, with the state and ports it has as a process. */
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Network } from "@piccolo/devnet";
import { realWorld } from "@piccolo/world/real";
import { createLog } from "../../programs/piccolod/src/adapters/log.ts";
import { type Config, readConfig } from "../../programs/piccolod/src/config.ts";
import { type ContextParts, openPiccolod, type Piccolod } from "../../programs/piccolod/src/context.ts";

export interface DeviceHereOptions {
  readonly args?: readonly string[];
  readonly centralOrigin?: string;
  readonly createPeerNet?: ContextParts["createPeerNet"];
}

function configOf(network: Network, number: number, options: DeviceHereOptions): Config {
  const { centralOrigin, args = [] } = options;
  const given = network.deviceArgs(network.device(number).record);
  // Of two values the last one counts.
  return readConfig([...given, ...(centralOrigin === undefined ? [] : ["--central", centralOrigin]), ...args]);
}

/** Opens the device, whose process must not run; it logs everything, to the file its process would. */
export function openDeviceHere(network: Network, number: number, options: DeviceHereOptions = {}): Promise<Piccolod> {
  const { logFile } = network.device(number).process;
  mkdirSync(dirname(logFile), { recursive: true });
  const log = createLog(
    (line) => appendFileSync(logFile, line),
    () => realWorld.nowMs(),
    "debug",
  );
  return openPiccolod(configOf(network, number, options), {
    world: realWorld,
    log,
    crashPoint: () => undefined,
    ...(options.createPeerNet === undefined ? {} : { createPeerNet: options.createPeerNet }),
  });
}
