/** Looks into the security chip of a machine that is off. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { getProperties, properties, startup, Tpm } from "@piccolo/tpm2";
import { realWorld as world } from "@piccolo/world/real";
import { openSocketChannel } from "../../programs/piccolod/src/adapters/tpm/socket-channel.ts";
import type { Machine } from "./machine.ts";

/** Wrong tries at protected objects that the chip counts, as the next start would find it. The chip itself stays as it is. */
export async function wrongTriesOf(machine: Machine): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-chip-"));
  cpSync(join(machine.options.folder, "tpm"), join(folder, "state"), { recursive: true });
  const socket = join(folder, "socket");
  const args = [
    ["socket", "--tpm2", "--tpmstate", `dir=${join(folder, "state")}`, "--flags", "not-need-init"],
    ["--server", `type=unixio,path=${socket}`, "--ctrl", `type=unixio,path=${socket}.ctrl`],
  ].flat();
  const [command, all] = machine.options.tools.within([folder]).commandOf("swtpm", args);
  const child = spawn(command, all, { stdio: ["ignore", "inherit", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  try {
    while (!existsSync(socket) && child.exitCode === null) await delay(20);
    const channel = await openSocketChannel(socket, { world, timeoutMs: 20_000 });
    try {
      const tpm = new Tpm((bytes) => channel.transmit(bytes), world);
      await tpm.execute(startup("clear"));
      const { values } = await tpm.execute(getProperties(properties.lockoutCounter, 1));
      return values.get(properties.lockoutCounter) ?? Number.NaN;
    } finally {
      await channel.close();
    }
  } finally {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true });
  }
}
