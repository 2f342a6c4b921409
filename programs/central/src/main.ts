/** The central cloud service. Prints `listening {json}` once it answers, and ends cleanly at SIGTERM or SIGINT. */
import { realWorld } from "@piccolo/world/real";
import { createLog } from "./adapters/log.ts";
import { readConfig, usage, type CentralConfig } from "./config.ts";
import { openCentral } from "./context.ts";

async function run(config: CentralConfig): Promise<void> {
  const log = createLog(
    (line) => process.stderr.write(line),
    () => realWorld.nowMs(),
  );
  const asked = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  const central = await openCentral(config, { world: realWorld, log });
  const { origin, relay } = central;
  process.stdout.write(`listening ${JSON.stringify({ origin: origin ?? null, relay, role: config.role })}\n`);
  log.info(`stopping at ${await asked}`);
  await central.close();
}

let config: CentralConfig | undefined;
try {
  config = readConfig();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
if (config !== undefined) {
  try {
    await run(config);
  } catch (error) {
    process.stderr.write(`central could not go on: ${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
    process.exitCode = 1;
  }
}
// Timers of libp2p's reservations outlive its stop; everything that matters is closed by now.
process.exit();
