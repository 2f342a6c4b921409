/** A software TPM as a process: every test that speaks of TPMs speaks to a real implementation. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

async function accepts(path: string): Promise<boolean> {
  const socket = connect(path);
  const [event] = await Promise.race([
    once(socket, "connect").then(() => ["connect"]),
    once(socket, "close").then(() => ["close"]),
  ]).catch(() => ["error"]);
  socket.destroy();
  return event === "connect";
}

/** The state lies in a folder of its own and outlives the process, as a chip's outlives the power. */
export class Swtpm {
  readonly socketPath: string;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  /** Starts a fresh TPM that ends with the test. */
  static async start(context: TestContext): Promise<Swtpm> {
    const tpm = new Swtpm(mkdtempSync(join(tmpdir(), "swtpm-")));
    context.after(async () => {
      await tpm.cutPower();
      rmSync(tpm.#folder, { recursive: true, force: true });
    });
    await tpm.switchOn();
    return tpm;
  }

  constructor(folder: string) {
    this.#folder = folder;
    this.socketPath = join(folder, "socket");
    mkdirSync(join(folder, "state"), { mode: 0o700 });
  }

  /** The TPM waits for TPM2_Startup, which whoever opens it sends. */
  async switchOn(): Promise<void> {
    rmSync(this.socketPath, { force: true });
    const args = [
      ["socket", "--tpm2"],
      // swtpm may change its working directory: a relative folder would put the TPM into failure mode.
      ["--tpmstate", `dir=${join(this.#folder, "state")},mode=0600`],
      ["--server", `type=unixio,path=${this.socketPath},mode=0600`],
      ["--ctrl", `type=unixio,path=${this.socketPath}.ctrl,mode=0600`],
      ["--flags", "not-need-init"],
    ];
    const child = spawn("swtpm", args.flat(), { stdio: ["ignore", "ignore", "pipe"] });
    this.#process = child;
    let said = "";
    child.stderr?.on("data", (bytes: Buffer) => (said += bytes.toString()));
    await once(child, "spawn");
    while (!(await accepts(this.socketPath))) {
      if (child.exitCode !== null) throw new Error(`swtpm ended with ${child.exitCode}: ${said}`);
      await delay(10);
    }
  }

  /** As when the plug is pulled: no shutdown command, nothing written down. */
  async cutPower(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async reboot(): Promise<void> {
    await this.cutPower();
    await this.switchOn();
  }
}
