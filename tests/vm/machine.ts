/**
 * One emulated machine: its disk, its firmware's variables and its security chip outlast a power cut, nothing else does.
 * Emulation alone: a kernel that offers KVM without system management mode cannot boot this firmware.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Chroot, Place } from "@piccolo/release";
import { deadlineMs } from "./deadlines.ts";
import { DeviceClient } from "./device-client.ts";
import { decideFirmware, firmwareRepeatsMax, isWithoutTicks, operationsOf } from "./firmware-watch.ts";
import { Stranger } from "./lan/stranger.ts";
import { type Bus, type Card, driveOf, gatewayName, networkOf } from "./parts.ts";
import { Qmp } from "./qmp.ts";
import { SerialLog } from "./serial-log.ts";

const lookEveryMs = 500;

/**
 * What ends every wait for something better. What a boot image ignores is none of it, nor is a daemon that is given up: the
 * release before may be the answer.
 */
const fatal =
  /Kernel panic|double fault|BUG: unable to handle|(?<!ignoring: )Access [Dd]enied|Security Violation|release cannot start here/;

export interface MachineOptions {
  readonly name: string;
  readonly tools: Chroot;
  /** Holds all that belongs to the machine; kept when a scenario fails. */
  readonly folder: string;
  /** Raw image; the machine writes to a layer of its own above it. Undefined: no disk. */
  readonly disk: string | undefined;
  /** How it is connected; undefined = `virtio`. */
  readonly diskBus?: Bus;
  /** Another disk, qcow2, which the machine writes to. */
  readonly secondDisk?: string;
  readonly secondDiskBus?: Bus;
  /** Firmware variables to begin with. */
  readonly variables: string;
  readonly memoryMebibytes?: number;
  readonly processors?: number;
  readonly tpm?: boolean;
  /** A machine that is off, whose security chip this one has. */
  readonly chipOf?: Machine;
  readonly network?: boolean;
  /** Undefined = `virtio`. */
  readonly card?: Card;
  /** Folder of what `save` kept of a machine with the same disk, processors and memory: this one begins there. */
  readonly saved?: string;
  /** Others may join the machine's network (`stranger`). */
  readonly shared?: boolean;
  /** The network has nobody on it who tells the time, or anything else. */
  readonly isolated?: boolean;
  /** The cable is not in until `plugIn`. */
  readonly unplugged?: boolean;
  /** The firmware of before UEFI. */
  readonly bios?: boolean;
  /** What the machine's clock says at power-on, such as `1970-01-01T00:00:40`; undefined: the time. */
  readonly clock?: string;
  /** Called for each start that is repeated because the machine hung before the product began. */
  readonly onFirmwareHang?: () => void;
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
  #plugged: Promise<void> = Promise.resolve();
  #changes = 0;
  #changedDisk: string | undefined;
  /** How often this start was repeated. */
  #repeats = 0;
  /** The firmware, or what it started, has said something. */
  #isPastFirmware = false;
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
      diskBus = "virtio",
      secondDisk,
      secondDiskBus = "virtio",
      memoryMebibytes = 2048,
      processors = 2,
      tpm = true,
      network = true,
      card = "virtio",
      saved,
      bios = false,
      shared = false,
      isolated = false,
      clock,
    } = this.options;
    const file = (name: string): string => join(folder, name);
    const socket = join(this.#sockets, "tpm.sock");
    const alone = isolated ? "restrict=on," : "";
    const forward = `${alone}hostfwd=tcp:127.0.0.1:${this.#ports.https}-:443,hostfwd=tcp:127.0.0.1:${this.#ports.http}-:80`;
    return [
      ["-machine", "q35,smm=on", "-accel", "tcg,thread=multi", "-cpu", "max"],
      ["-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"],
      ["-m", String(memoryMebibytes), "-smp", String(processors), "-display", "none", "-nodefaults"],
      ["-serial", `file:${this.serial.path}`, "-serial", `file:${this.probe.path}`],
      ["-qmp", `unix:${join(this.#sockets, "qmp.sock")},server=on,wait=off`],
      bios
        ? []
        : [
            "-drive",
            `if=pflash,format=raw,unit=0,readonly=on,file=${firmware}`,
            "-drive",
            `if=pflash,format=raw,unit=1,file=${file("variables.fd")}`,
          ],
      clock === undefined ? [] : ["-rtc", `base=${clock}`],
      disk === undefined ? [] : driveOf("first", file("disk.qcow2"), diskBus),
      secondDisk === undefined ? [] : driveOf("second", secondDisk, secondDiskBus),
      network ? networkOf(card, forward, shared ? join(this.#sockets, "lan.sock") : undefined) : [],
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
    // What goes on from a snapshot is past its firmware, and may be silent for ever.
    this.#repeats = 0;
    this.#isPastFirmware = this.#isRestoring;
    this.#start();
  }

  #start(): void {
    const { folder, tools, tpm = true, unplugged = false, saved } = this.options;
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
    this.#plugged = unplugged ? this.#setLink(false) : Promise.resolve();
    this.#plugged.catch(() => undefined);
  }

  async #setLink(up: boolean): Promise<void> {
    const isDone = (): Promise<boolean> =>
      this.#control("set_link", { name: "n", up }).then(
        () => true,
        () => false,
      );
    // In its first moment QEMU does not listen yet.
    while (this.isOn && !(await isDone())) await delay(lookEveryMs);
  }

  /**
   * Somebody on the network of a machine that shares it, for as long as `use` takes. Nobody else is on it then: QEMU's gateway
   * takes a frame for anybody as one for itself, refuses in his name, and is lost in a socket for each datagram.
   */
  async withStranger(use: (stranger: Stranger) => Promise<void>): Promise<void> {
    const setGateway = (up: boolean): Promise<unknown> => this.#control("set_link", { name: gatewayName, up });
    await setGateway(false);
    const stranger = await Stranger.join(join(this.#sockets, "lan.sock"));
    try {
      await use(stranger);
    } finally {
      stranger.leave();
      await setGateway(true);
    }
  }

  /** Puts in the cable of a machine that was started without. */
  async plugIn(): Promise<void> {
    await this.#plugged;
    await this.#setLink(true);
  }

  get isOn(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves when the machine has switched itself off. */
  async untilOff(): Promise<void> {
    const stop = new AbortController();
    const withinMs = deadlineMs("off");
    const late = delay(withinMs, undefined, { signal: stop.signal }).then(() => {
      throw new Error(`${this.options.name}: still on after ${withinMs / 1000} s\n${this.serial.tail}`);
    });
    late.catch(() => undefined);
    try {
      await Promise.race([this.#exited, late]);
    } finally {
      stop.abort();
    }
  }

  /** Resolves to the milliseconds since power-on; rejects with what the machine said instead. */
  async untilAnswers(withinMs = deadlineMs("start")): Promise<number> {
    await this.#race("an answer of the portal", withinMs, async (signal) => {
      while (!(await this.client.answers())) await delay(300, undefined, { signal });
    });
    return performance.now() - this.poweredOnMs;
  }

  /** Asks again and again; an answer that does not come counts as no. */
  async until(what: string, isSo: () => Promise<boolean>, withinMs = deadlineMs("step")): Promise<void> {
    await this.#race(what, withinMs, async (signal) => {
      while (!(await isSo().catch(() => false))) await delay(300, undefined, { signal });
    });
  }

  /** After a reset: resolves when the portal of before answers no more. */
  async untilGone(): Promise<void> {
    await this.#race("the reset", deadlineMs("gone"), async (signal) => {
      while (await this.client.answers()) await delay(50, undefined, { signal });
    });
  }

  /** Waits for a pattern on the serial line; what counts as fatal may be what is waited for. */
  async untilSays(pattern: RegExp, withinMs = deadlineMs("start"), from = 0): Promise<RegExpExecArray> {
    let found: RegExpExecArray | undefined;
    const ends = fatal.exec(pattern.source) === null;
    await this.#race(
      `${pattern} on the serial line`,
      withinMs,
      async (signal) => void (found = await this.serial.match(pattern, signal, from)),
      ends,
    );
    return found as RegExpExecArray;
  }

  /** Sections of the probe, by name, once it has told all. */
  async untilProbed(withinMs = deadlineMs("start")): Promise<ReadonlyMap<string, readonly string[]>> {
    await this.#race("the probe", withinMs, async (signal) => void (await this.probe.match(/^== end$/m, signal)));
    const sections = this.probe.text.split(/^== /m).slice(1);
    return new Map(
      sections.map((section) => {
        const [name = "", ...lines] = section.split("\n");
        return [name, lines.filter((line) => line !== "")];
      }),
    );
  }

  /** Starts the machine again where its firmware hangs before it has said a word. */
  async #pastFirmware(): Promise<void> {
    let operations = -1;
    let progressMs = performance.now();
    while (!this.#isPastFirmware) {
      const now = await this.#operations();
      if (now !== operations) [operations, progressMs] = [now, performance.now()];
      const verdict = decideFirmware({
        hasSpoken: this.serial.text !== "",
        sincePowerOnMs: performance.now() - this.poweredOnMs,
        sinceProgressMs: performance.now() - progressMs,
        repeats: this.#repeats,
      });
      if (verdict === "past") {
        this.#isPastFirmware = true;
      } else if (!this.isOn) {
        throw new Error(`${this.options.name}: went off before it said a word`);
      } else if (verdict === "give-up") {
        throw new Error(`${this.options.name}: the firmware hung, and again when it was started anew`);
      } else if (verdict === "power-on-again") {
        await this.#startAgain();
        progressMs = performance.now();
      } else await delay(lookEveryMs);
    }
  }

  /** What the drives have done; -1 where the machine does not tell, as in its first moment. */
  async #operations(): Promise<number> {
    try {
      return operationsOf(await this.#control("query-blockstats"));
    } catch {
      return -1;
    }
  }

  /** Waits for a pattern in piccolod's log, which an image with the overlay `watch` tells. */
  async untilTells(pattern: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | undefined;
    await this.#race(
      `${pattern} in piccolod's log`,
      deadlineMs("start"),
      async (signal) => void (found = await this.probe.match(pattern, signal)),
    );
    return found as RegExpExecArray;
  }

  async #race(
    what: string,
    withinMs: number,
    wait: (signal: AbortSignal) => Promise<void>,
    untilFatal = true,
  ): Promise<void> {
    const stop = new AbortController();
    const fail = (why: string): never => {
      throw new Error(`${this.options.name}: no sign of ${what}: ${why}\n${this.serial.tail}`);
    };
    const signal = stop.signal;
    await this.#pastFirmware();
    const hung = this.#untilWithoutTicks(signal);
    const others = [
      delay(withinMs, undefined, { signal }).then(() => fail(`not within ${withinMs / 1000} s`)),
      this.#exited.then(() => fail("the machine went off")),
      ...(untilFatal ? [this.serial.match(fatal, signal).then(([said]) => fail(`it said ${said}`))] : []),
    ];
    for (const other of [...others, hung]) other.catch(() => undefined);
    try {
      if ((await Promise.race([wait(signal), ...others, hung])) !== "hung") return;
    } finally {
      stop.abort();
    }
    await this.#startAgain();
    await this.#race(what, withinMs, wait, untilFatal);
  }

  /** For as long as the start may be repeated. */
  async #untilWithoutTicks(signal: AbortSignal): Promise<"hung"> {
    while (this.#repeats >= firmwareRepeatsMax || !isWithoutTicks(this.serial.text)) {
      await delay(lookEveryMs, undefined, { signal });
    }
    return "hung";
  }

  async #startAgain(): Promise<void> {
    this.#repeats++;
    this.options.onFirmwareHang?.();
    await this.powerCut();
    this.#isPastFirmware = false;
    this.#start();
  }

  async #control(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return this.#withControl((qmp) => qmp.execute(command, args));
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
    await this.#race("its control socket", deadlineMs("restored"), async (signal) => {
      while (!existsSync(socket)) await delay(50, undefined, { signal });
    });
    await this.#withControl(async (qmp) => {
      await untilMigrated(qmp);
      await qmp.execute("cont");
    });
  }

  /** Presses the power button; resolves to the milliseconds until the machine is off. */
  async powerButton(): Promise<number> {
    const pressedMs = performance.now();
    await this.#control("system_powerdown");
    await this.untilOff();
    return performance.now() - pressedMs;
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

  /** Changes the disk of a machine that is off, as whoever took it out can; the machine goes on with it. */
  async changeDisk(change: (disk: string) => Promise<void>): Promise<void> {
    const { folder, tools } = this.options;
    const before = this.#changedDisk;
    const disk = await this.copyDisk(join(folder, `changed-${++this.#changes}.img`));
    await change(disk);
    const layer = join(folder, "disk.qcow2");
    rmSync(layer);
    await tools.run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", disk, "-F", "raw", layer]);
    if (before !== undefined) rmSync(before);
    this.#changedDisk = disk;
  }

  /** Whether a machine that is off has written to a part of its disk since it was last changed. */
  async wroteTo(place: Pick<Place, "offset" | "sizeBytes">): Promise<boolean> {
    const { folder, tools } = this.options;
    return layerHas(join(folder, "disk.qcow2"), place, tools);
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

/** Whether something of a place was written to a layer over an image. */
export async function layerHas(
  layer: string,
  { offset, sizeBytes }: Pick<Place, "offset" | "sizeBytes">,
  tools: Chroot,
): Promise<boolean> {
  const text = await tools.text("qemu-img", ["map", "--output=json", layer]);
  const extents = JSON.parse(text) as readonly { start: number; length: number; depth: number }[];
  return extents.some(
    ({ start, length, depth }) => depth === 0 && start < offset + sizeBytes && start + length > offset,
  );
}

async function untilMigrated(qmp: Qmp): Promise<void> {
  for (;;) {
    const { status = "setup" } = (await qmp.execute("query-migrate")) as { readonly status?: string };
    if (status === "completed") return;
    if (status === "failed" || status === "cancelled") throw new Error(`the memory was not transferred: ${status}`);
    await delay(50);
  }
}

/** Below those that the system gives to connections: a port is taken when the machine is powered on, which may be much later. */
const [firstPort, ports] = [20_000, 10_000];

async function freePort(): Promise<number> {
  for (;;) {
    const port = firstPort + randomInt(ports);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
}
