/** The device daemon. Prints `listening {json}` once it answers; ends cleanly at SIGTERM and SIGINT. */
import { uptime } from "node:os";
import { join } from "node:path";
import { realWorld } from "@piccolo/world/real";
import { isFault } from "@piccolo/fault";
import { EndsByDisk } from "./adapters/ends-by-disk.ts";
import { NoSupervisor, runAlive } from "./adapters/supervisor/supervisor.ts";
import { SystemdNotify } from "./adapters/supervisor/systemd-notify.ts";
import { createLog, errorFacts } from "./adapters/log.ts";
import { type Config, readConfig, UsageError } from "./config.ts";
import { openPiccolod } from "./context.ts";
import { createCrashPoint } from "./crash-points.ts";

const exitUsage = 2;
const exitBug = 70;

const log = createLog(
  (line) => process.stderr.write(line),
  () => realWorld.nowMs(),
);

/** Of a device that nobody looks after: what it is started again for, it tells. */
let endsByDisk: EndsByDisk | undefined;

async function run(config: Config): Promise<void> {
  endsByDisk = endsByDiskOf(config);
  const asked = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
  const crashPoint = createCrashPoint(config.armedCrash, () => process.kill(process.pid, "SIGKILL"));
  const supervisor = config.supervisor === undefined ? new NoSupervisor() : new SystemdNotify(config.supervisor);
  const unheard = (error: unknown): void => log.warn("supervisor", errorFacts(error));
  const stop = new AbortController();
  // From before the first step on, since opening the volume of a slow machine may outlast the silence that is allowed.
  void runAlive(supervisor, realWorld, stop.signal, unheard);
  const opening = openPiccolod(config, { world: realWorld, log, crashPoint, endsByDisk });
  const piccolod = await Promise.race([opening, asked.then(() => undefined)]);
  if (piccolod === undefined) {
    // Whatever it waits for may never come, and the next start goes on from any point at which this one ends.
    log.info("stopping", { signal: await asked, while: "opening" });
    return;
  }
  const readyMs = Math.round(performance.now());
  process.stdout.write(`listening ${JSON.stringify({ origin: piccolod.origin, readyMs })}\n`);
  log.info("started", { origin: piccolod.origin, readyMs });
  await supervisor.ready(`answers at ${piccolod.origin}`).catch(unheard);
  log.info("stopping", { signal: await asked });
  await supervisor.stopping().catch(unheard);
  await piccolod.close();
  stop.abort();
}

/** A bug: what is in memory cannot be trusted any more, and the supervisor starts the device again. */
function endAtBug(error: unknown): void {
  log.error("bug", errorFacts(error));
  endsByDisk?.note(error);
  process.exit(exitBug);
}

function endsByDiskOf({ firstBootFile, runFolder, stateFolder }: Config): EndsByDisk | undefined {
  if (firstBootFile === undefined) return undefined;
  const path = join(runFolder, "ended-by-disk");
  return new EndsByDisk({ path, volumePath: join(stateFolder, "volume"), uptimeS: uptime });
}

process.on("uncaughtException", endAtBug);
process.on("unhandledRejection", endAtBug);

try {
  await run(readConfig());
  process.exit(0);
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`piccolod: ${error.message}\n`);
    process.exit(exitUsage);
  }
  if (!isFault(error)) endAtBug(error);
  log.error("cannot-start", errorFacts(error));
  process.exit(1);
}
