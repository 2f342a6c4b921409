/** `npm start`: central and ten devices on this machine, until Ctrl-C. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { readConfig, usage, type DevnetConfig } from "./config.ts";
import { prepareApps } from "./demo-apps.ts";
import { clearLeftBehind, Network, ownerName } from "./network.ts";
import { buildPortal } from "./portal-build.ts";
import { possibleProtection } from "./protection.ts";

const restartDelayMs = 1_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Two development networks over one folder would tear each other's state apart; the second one is told and ends. */
function lock(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "devnet.lock");
  if (existsSync(path)) {
    const pid = Number(readFileSync(path, "utf8"));
    if (existsSync(`/proc/${pid}`)) {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (command.includes("devnet")) throw new Error(`the development network runs already (process ${pid})`);
    }
    rmSync(path);
  }
  const file = openSync(path, "wx", 0o600);
  writeSync(file, String(process.pid));
  closeSync(file);
  return () => rmSync(path, { force: true });
}

function printLinks(network: Network, config: DevnetConfig, claimed: boolean): void {
  const first = network.device(1);
  const seconds = ((Date.now() - config.commandStartedMs) / 1000).toFixed(0);
  say("");
  say("The other owners' portals, each with its development password:");
  for (const device of network.devices.slice(1)) {
    say(`  ${ownerName(device.number).padEnd(8)} ${device.origin}/  ${device.record.password ?? ""}`);
  }
  say("");
  say(`Ready after ${seconds} s. Your device:`);
  say("");
  say(claimed ? `  ${first.origin}/` : `  ${first.origin}/#claim=${first.record.claimCode}`);
  say("");
  say("Type a device's number and Enter to stop that device, and again to start it.");
  say("Ctrl-C stops everything; the next start goes on where you left off.");
}

/** A device that ends by itself is started again, as the init system of a real one does. */
function keepRunning(network: Network, isStopping: () => boolean): void {
  for (const device of network.devices) {
    device.process.onUnexpectedEnd = (reason) => {
      if (isStopping()) return;
      say(`${device.process.name} ended (${reason}); it is started again. Its log: ${device.process.logFile}`);
      setTimeout(() => {
        if (isStopping()) return;
        network
          .startDevice(device.number)
          .then(() => keepRunning(network, isStopping))
          .catch((error: unknown) => say(`${device.process.name} could not be started again: ${String(error)}`));
      }, restartDelayMs);
    };
  }
}

/** Devices are stopped and started again by their numbers, so that one can see what a network is good for. */
function obeyNumbers(network: Network, isStopping: () => boolean): void {
  const changing = new Set<number>();
  const toggle = async (number: number): Promise<void> => {
    const { process: running } = network.device(number);
    if (running.running) {
      await running.stop();
      say(`${running.name} is stopped`);
    } else {
      await network.startDevice(number);
      keepRunning(network, isStopping);
      say(`${running.name} runs again`);
    }
  };
  createInterface({ input: process.stdin }).on("line", (line) => {
    const word = line.trim();
    if (word === "" || isStopping()) return;
    const number = Number(word);
    if (!network.devices.some((device) => device.number === number)) {
      say(`there is no device ${word}; the numbers are 1 to ${network.devices.length}`);
      return;
    }
    if (changing.has(number)) return;
    changing.add(number);
    toggle(number)
      .catch((error: unknown) => say(`device${number}: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => changing.delete(number));
  });
}

async function main(): Promise<number> {
  const config = readConfig();
  if (config.fresh) {
    const unlock = lock(config.folder);
    unlock();
    clearLeftBehind(config.folder);
    rmSync(config.folder, { recursive: true, force: true });
  }
  const unlock = lock(config.folder);
  let stopping = false;
  const stopAsked = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        stopping = true;
        resolve();
      });
    }
  });
  let network: Network | undefined;
  try {
    const bringUp = async (): Promise<void> => {
      await buildPortal(say);
      const apps = prepareApps(join(config.folder, "apps"));
      network = await Network.open({
        folder: config.folder,
        devices: config.devices,
        centralPort: 8700,
        devicePort: 8701,
        peerPort: 8721,
        protection: possibleProtection(say),
        deviceArgs: () => apps,
        say,
      });
      await network.start();
      await network.populate();
      const { phase } = await network.device(1).session.call<{ phase: string }>("GET", "/status");
      printLinks(network, config, phase !== "unclaimed");
      keepRunning(network, () => stopping);
      obeyNumbers(network, () => stopping);
    };
    // Ctrl-C during the start stops what has been started so far; the next start goes on from there.
    await Promise.race([bringUp(), stopAsked]);
    await stopAsked;
    say("stopping");
    return 0;
  } finally {
    stopping = true;
    await network?.stop();
    unlock();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 1;
}
// A start that was cut short may still wait for a device; nothing of it may keep the process alive.
process.exit();
