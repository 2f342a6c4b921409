/** The only reader of devnet's arguments and environment. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

export interface DevnetConfig {
  readonly folder: string;
  readonly fresh: boolean;
  readonly devices: number;
  /** When the command was typed, in milliseconds since the epoch, as far as the set-up knows. */
  readonly commandStartedMs: number;
}

export const usage = `npm start [-- OPTIONS]
  --fresh          forget all earlier state and start over
  --devices N      how many devices (2 to 12, default 10); only when starting over
`;

export function readConfig(): DevnetConfig {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      fresh: { type: "boolean", default: false },
      devices: { type: "string", default: "10" },
    },
  });
  const devices = Number(values.devices);
  if (!Number.isInteger(devices) || devices < 2 || devices > 12) {
    throw new Error(`--devices takes a whole number from 2 to 12, not ${values.devices}`);
  }
  return {
    folder: join(resolve(import.meta.dirname, "../../.."), ".piccolo/devnet"),
    fresh: values.fresh,
    devices,
    commandStartedMs: Number(process.env["PICCOLO_COMMAND_STARTED_MS"] ?? Date.now()),
  };
}
