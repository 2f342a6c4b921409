/**
 * One emulated machine: its disk, its firmware's variables and its security chip outlast a power cut, nothing else does.
 * Emulation alone: a kernel that offers KVM without system management mode cannot boot this firmware.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Chroot } from "@piccolo/release";
import { DeviceClient } from "./device-client.ts";
import { Qmp } from "./qmp.ts";
import { SerialLog } from "./serial-log.ts";

/** What ends every wait for something better. */
const fatal = /Kernel panic|double fault|BUG: unable to handle|Access [Dd]enied|Security Violation|starts again/;

export interface MachineOptions {
  readonly name: string;
  readonly tools: Chroot;
  /** Holds all that belongs to the machine; kept when a scenario fails. */
  readonly folder: string;
  /** Raw image; the machine writes to a layer of its own above it. Undefined: no disk. */
  readonly disk: string | undefined;
  /** Another disk, qcow2, which the machine writes to. */
  readonly secondDisk?: string;
  /** Firmware variables to begin with. */
  readonly variables: string;
  readonly memoryMebibytes?: number;
  readonly processors?: number;
  readonly tpm?: boolean;
  /** A machine that is off, whose security chip this one has. */
  readonly chipOf?: Machine;
  readonly network?: boolean;
  /** Folder of what `save` kept of a machine with the same disk, processors and memory: this one begins there. */
  readonly saved?: string;
}

const script = `
set -eu
if [ "$1" = tpm ]; then
  swtpm socket --tpmstate "dir=$2/tpm" --ctrl "type=unixio,path=$3/tpm.sock" --tpm2 --flags startup-clear --terminate &
  while [ ! -S "$3/tpm.sock" ]; do sleep 0.05; done
fi
shift 3
exec qemu-system-x86_64 "$@"
`;

/** What belongs to a machine while it is off. */
const lasting = ["disk.qcow2", "variables.fd", "tpm"] as const;
const memoryName = "memory";

const firmware = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";

export class Machine {
  readonly options: MachineOptions;
  readonly client: DeviceClient;
  readonly #sockets: string;
  readonly #ports: { readonly https: number; readonly http: number };
  #isRestoring: boolean;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #starts = 0;
  serial: SerialLog;
  probe: SerialLog;
  poweredOnMs = 0;

  private constructor(options: MachineOptions, ports: { readonly https: number; readonly http: number }) {
    this.options = options;
    this.#ports = ports;
    this.#isRestoring = options.saved !== undefined;
    // A socket's path is short, whatever the repository's is.
    this.#sockets = mkdtempSync(join(tmpdir(), "piccolo-vm-"));
    this.client = new DeviceClient(ports.https);
    this.serial = new SerialLog(join(options.folder, "serial-0.log"));
    this.probe = new SerialLog(join(options.folder, "probe-0.log"));
  }

  static async create(options: MachineOptions): Promise<Machine> {
    const { folder, tools, disk, saved, chipOf } = options;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, "tpm"), { recursive: true });
    if (saved !== undefined) {
      for (const part of lasting) cpSync(join(saved, part), join(folder, part), { recursive: true });
      return new Machine(options, { https: await freePort(), http: await freePort() });
    }
    copyFileSync(options.variables, join(folder, "variables.fd"));
    if (chipOf !== undefined) cpSync(join(chipOf.options.folder, "tpm"), join(folder, "tpm"), { recursive: true });
    if (disk !== undefined) {
      await tools.run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", disk, "-F", "raw", join(folder, "disk.qcow2")]);
    }
    return new Machine(options, { https: await freePort(), http: await freePort() });
  }

  #arguments(): string[] {
    const {
      folder,
      disk,
      secondDisk,
      memoryMebibytes = 2048,
      processors = 2,
      tpm = true,
      network = true,
      saved,
    } = this.options;
    const file = (name: string): string => join(folder, name);
    const socket = join(this.#sockets, "tpm.sock");
    const forward = `hostfwd=tcp:127.0.0.1:${this.#ports.https}-:443,hostfwd=tcp:127.0.0.1:${this.#ports.http}-:80`;
    return [
      ["-machine", "q35,smm=on", "-accel", "tcg,thread=multi", "-cpu", "max"],
      ["-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"],
      ["-m", String(memoryMebibytes), "-smp", String(processors), "-display", "none", "-nodefaults"],
      ["-serial", `file:${this.serial.path}`, "-serial", `file:${this.probe.path}`],
      ["-qmp", `unix:${join(this.#sockets, "qmp.sock")},server=on,wait=off`],
      ["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${firmware}`],
      ["-drive", `if=pflash,format=raw,unit=1,file=${file("variables.fd")}`],
      disk === undefined ? [] : ["-drive", `if=virtio,format=qcow2,cache=unsafe,file=${file("disk.qcow2")}`],
      secondDisk === undefined ? [] : ["-drive", `if=virtio,format=qcow2,cache=unsafe,file=${secondDisk}`],
      network ? ["-netdev", `user,id=n,${forward}`, "-device", "virtio-net-pci,netdev=n,romfile="] : [],
      ["-object", "rng-random,id=r,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=r"],
      tpm
        ? [
            "-chardev",
            `socket,id=tpm,path=${socket}`,
            "-tpmdev",
            "emulator,id=tpm0,chardev=tpm",
            "-device",
            "tpm-crb,tpmdev=tpm0",
          ]
        : [],
      this.#isRestoring && saved !== undefined ? ["-incoming", `file:${join(saved, memoryName)}`] : [],
    ].flat();
  }

  /** Starts it, with a serial log of its own for each start. */
  powerOn(): void {
    const { folder, tools, tpm = true, saved } = this.options;
    this.#starts++;
    this.serial = new SerialLog(join(folder, `serial-${this.#starts}.log`));
    this.probe = new SerialLog(join(folder, `probe-${this.#starts}.log`));
    const inside = tools.within([folder, this.#sockets, ...(saved === undefined ? [] : [saved])]);
    const chip = tpm ? "tpm" : "none";
    const own = ["-c", script, "machine", chip, folder, this.#sockets, ...this.#arguments()];
    const [command, args] = inside.commandOf("/bin/sh", own);
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
    this.poweredOnMs = performance.now();
    this.#process = child;
    this.#exited = new Promise((resolve) => child.once("exit", () => resolve()));
  }

  get isOn(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves when the machine has switched itself off. */
  async untilOff(deadlineMs: number): Promise<void> {
    const stop = new AbortController();
    const late = delay(deadlineMs, undefined, { signal: stop.signal }).then(() => {
      throw new Error(`${this.options.name}: still on after ${deadlineMs / 1000} s\n${this.serial.tail}`);
    });
    late.catch(() => undefined);
    try {
      await Promise.race([this.#exited, late]);
    } finally {
      stop.abort();
    }
  }

  /** Resolves to the milliseconds since power-on; rejects with what the machine said instead. */
  async untilAnswers(deadlineMs = 360_000): Promise<number> {
    await this.#race("an answer of the portal", deadlineMs, async (signal) => {
      while (!(await this.client.answers())) await delay(300, undefined, { signal });
    });
    return performance.now() - this.poweredOnMs;
  }

  /** After a reset: resolves when the portal of before answers no more. */
  async untilGone(deadlineMs = 60_000): Promise<void> {
    await this.#race("the reset", deadlineMs, async (signal) => {
      while (await this.client.answers()) await delay(50, undefined, { signal });
    });
  }

  /** Waits for a pattern on the serial line; what counts as fatal may be what is waited for. */
  async untilSays(pattern: RegExp, deadlineMs = 360_000, from = 0): Promise<RegExpExecArray> {
    let found: RegExpExecArray | undefined;
    const ends = fatal.exec(pattern.source) === null;
    await this.#race(
      `${pattern} on the serial line`,
      deadlineMs,
      async (signal) => void (found = await this.serial.match(pattern, signal, from)),
      ends,
    );
    return found as RegExpExecArray;
  }

  /** Sections of the probe, by name, once it has told all. */
  async untilProbed(deadlineMs = 360_000): Promise<ReadonlyMap<string, readonly string[]>> {
    await this.#race("the probe", deadlineMs, async (signal) => void (await this.probe.match(/^== end$/m, signal)));
    const sections = this.probe.text.split(/^== /m).slice(1);
    return new Map(
      sections.map((section) => {
        const [name = "", ...lines] = section.split("\n");
        return [name, lines.filter((line) => line !== "")];
      }),
    );
  }

  async #race(
    what: string,
    deadlineMs: number,
    wait: (signal: AbortSignal) => Promise<void>,
    untilFatal = true,
  ): Promise<void> {
    const stop = new AbortController();
    const fail = (why: string): never => {
      throw new Error(`${this.options.name}: no sign of ${what}: ${why}\n${this.serial.tail}`);
    };
    const signal = stop.signal;
    const others = [
      delay(deadlineMs, undefined, { signal }).then(() => fail(`not within ${deadlineMs / 1000} s`)),
      this.#exited.then(() => fail("the machine went off")),
      ...(untilFatal ? [this.serial.match(fatal, signal).then(([said]) => fail(`it said ${said}`))] : []),
    ];
    for (const other of others) other.catch(() => undefined);
    try {
      await Promise.race([wait(signal), ...others]);
    } finally {
      stop.abort();
    }
  }

  async #control(command: string): Promise<void> {
    await this.#withControl((qmp) => qmp.execute(command));
  }

  async #withControl<T>(use: (qmp: Qmp) => Promise<T>): Promise<T> {
    const qmp = await Qmp.open(join(this.#sockets, "qmp.sock"));
    try {
      return await use(qmp);
    } finally {
      qmp.close();
    }
  }

  /**
   * Keeps a machine that runs, with its memory, in a folder that is made for it; the machine is off afterwards. What is
   * restored from there has the clock of this moment: hours later it is hours slow, as a real device's may be.
   */
  async save(to: string): Promise<void> {
    const { folder } = this.options;
    const unfinished = `${to}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    const memory = join(folder, memoryName);
    await this.#withControl(async (qmp) => {
      await qmp.execute("stop");
      await qmp.execute("migrate", { uri: `file:${memory}` });
      await untilMigrated(qmp);
    });
    await this.powerCut();
    renameSync(memory, join(unfinished, memoryName));
    for (const part of lasting) cpSync(join(folder, part), join(unfinished, part), { recursive: true });
    rmSync(to, { recursive: true, force: true });
    renameSync(unfinished, to);
  }

  /** Starts a machine that begins with what was saved, and goes on where that one stopped. Later starts are starts from cold. */
  async restore(): Promise<void> {
    if (!this.#isRestoring)
      throw new Error(`${this.options.name}: nothing was saved for it, or it was restored before`);
    this.powerOn();
    this.#isRestoring = false;
    const socket = join(this.#sockets, "qmp.sock");
    await this.#race("its control socket", 60_000, async (signal) => {
      while (!existsSync(socket)) await delay(50, undefined, { signal });
    });
    await this.#withControl(async (qmp) => {
      await untilMigrated(qmp);
      await qmp.execute("cont");
    });
  }

  /** Presses the power button and waits until the machine is off. */
  async powerButton(deadlineMs = 120_000): Promise<void> {
    await this.#control("system_powerdown");
    await this.untilOff(deadlineMs);
  }

  /** What a reset button does: memory and chip start anew, nothing is written. */
  async reset(): Promise<void> {
    await this.#control("system_reset");
  }

  /** The disk of a machine that is off, as a raw image that can be changed. */
  async copyDisk(path: string): Promise<string> {
    const { folder, tools } = this.options;
    const layer = join(folder, "disk.qcow2");
    await tools.run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", layer, path]);
    return path;
  }

  /** Takes the power away. */
  async powerCut(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#exited;
  }

  async destroy(): Promise<void> {
    await this.powerCut();
    if (existsSync(this.#sockets)) rmSync(this.#sockets, { recursive: true });
  }
}

async function untilMigrated(qmp: Qmp): Promise<void> {
  for (;;) {
    const { status = "setup" } = (await qmp.execute("query-migrate")) as { readonly status?: string };
    if (status === "completed") return;
    if (status === "failed" || status === "cancelled") throw new Error(`the memory was not transferred: ${status}`);
    await delay(50);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
