/**
 * Central and N devices on this machine, as separate processes with separate state: what `npm start`, the drills and
 * the network tests run. Everything lies below one folder; a second start finds its ports, owners and files again.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DeviceSession, type TaskView } from "./device-session.ts";
import { takePort } from "./ports.ts";
import { endAppsBelow, type Protection, protectionArgs, unmountBelow, unprotected } from "./protection.ts";
import { SoftwareTpm } from "./software-tpm.ts";
import { Supervised, type ProgramCommand } from "./supervised.ts";

const root = resolve(import.meta.dirname, "../../..");

export interface NetworkOptions {
  /** Folder of all state and logs. */
  readonly folder: string;
  readonly devices: number;
  readonly centralPort: number;
  /** Device i listens on devicePort + i - 1. */
  readonly devicePort: number;
  readonly peerPort: number;
  /** Arguments added to every piccolod (`--policy 6-of-9`), or per device. */
  readonly deviceArgs?: (device: number) => readonly string[];
  /** What protects the devices' disks, or each of them; by default nothing, which starts fastest. */
  readonly protection?: Protection | ((device: number) => Protection);
  /** Another way to start piccolod than from its sources (the built executable). */
  readonly piccolod?: ProgramCommand;
  readonly say?: (text: string) => void;
}

interface DeviceRecord {
  readonly number: number;
  readonly port: number;
  readonly peerPort: number;
  readonly claimCode: string;
  /** The password of an owner the development network made; undefined = a person chooses it. */
  password?: string;
}

interface NetworkRecord {
  readonly format: 1;
  readonly centralPort: number;
  readonly devices: DeviceRecord[];
  /** True once the owners other than the first device's are set up and the invitation waits. */
  populated: boolean;
  pids: number[];
}

const ownerNames = ["You", "Ada", "Bela", "Chiara", "Deniz", "Emil", "Farah", "Greta", "Hiro", "Ines", "Jonas", "Kaya"];

export function ownerName(device: number): string {
  return ownerNames[device - 1] ?? `Owner ${device}`;
}

export class Device {
  readonly number: number;
  readonly origin: string;
  readonly folder: string;
  readonly record: DeviceRecord;
  readonly session: DeviceSession;
  process: Supervised;
  /** The recovery phrase, while the process that claimed the device runs. */
  phrase: string | undefined;

  constructor(record: DeviceRecord, folder: string, process: Supervised) {
    this.number = record.number;
    this.origin = `http://device${record.number}.localhost:${record.port}`;
    this.folder = folder;
    this.record = record;
    this.session = new DeviceSession(this.origin);
    this.process = process;
  }

  /** What its status says; `down` when it does not answer. */
  async phase(): Promise<string> {
    if (!this.process.running) return "down";
    return (await this.session.call<{ phase: string }>("GET", "/status")).phase;
  }
}

export class Network {
  readonly options: NetworkOptions;
  readonly central: Supervised;
  readonly #devices: Device[];
  readonly #record: NetworkRecord;
  readonly #say: (text: string) => void;
  readonly #tpms = new Map<number, SoftwareTpm>();

  private constructor(options: NetworkOptions, record: NetworkRecord) {
    this.options = options;
    this.#record = record;
    this.#say = options.say ?? (() => undefined);
    const node = process.execPath;
    this.central = new Supervised(
      "central",
      {
        executable: node,
        args: [
          join(root, "programs/central/src/main.ts"),
          "--state",
          join(options.folder, "central"),
          "--listen",
          `127.0.0.1:${record.centralPort}`,
          "--role",
          "both",
        ],
      },
      join(options.folder, "logs/central.log"),
    );
    this.#devices = record.devices.map(
      (device) => new Device(device, this.#stateFolder(device.number), this.deviceProcess(device)),
    );
  }

  /** Opens or creates the network's folder; starts nothing. */
  static async open(options: NetworkOptions): Promise<Network> {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const path = join(options.folder, "devnet.json");
    const old = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as NetworkRecord) : undefined;
    if (old !== undefined) {
      stopLeftBehind(old.pids, options.folder);
    }
    // Remembered ports are kept while they are free, so that links and cookies of an earlier start go on working.
    const taken = new Set<number>();
    const centralPort = await takePort(old?.centralPort ?? options.centralPort, taken);
    const devices: DeviceRecord[] = [];
    for (let number = 1; number <= (old?.devices.length ?? options.devices); number++) {
      const before = old?.devices[number - 1];
      devices.push({
        claimCode: randomBytes(10).toString("hex"),
        ...before,
        number,
        port: await takePort(before?.port ?? options.devicePort + number - 1, taken),
        peerPort: await takePort(before?.peerPort ?? options.peerPort + number - 1, taken),
      });
    }
    const record: NetworkRecord = { format: 1, centralPort, devices, populated: old?.populated ?? false, pids: [] };
    const network = new Network(options, record);
    network.#save();
    return network;
  }

  get devices(): readonly Device[] {
    return this.#devices;
  }

  get populated(): boolean {
    return this.#record.populated;
  }

  get centralOrigin(): string {
    return `http://127.0.0.1:${this.#record.centralPort}`;
  }

  device(number: number): Device {
    const device = this.devices[number - 1];
    if (device === undefined) throw new Error(`there is no device ${number}`);
    return device;
  }

  /** What a device is started with, besides what is added for this network or one run. */
  deviceArgs({ number, port, peerPort }: DeviceRecord): readonly string[] {
    return [
      "--state",
      this.#stateFolder(number),
      "--listen",
      `127.0.0.1:${port}`,
      "--host",
      `device${number}.localhost`,
      "--peer-listen",
      `/ip4/127.0.0.1/tcp/${peerPort}`,
      "--central",
      this.centralOrigin,
      "--device-name",
      `device${number}`,
      "--domain",
      `household-${number}`,
      "--portal",
      join(root, "programs/portal/build"),
      "--claim-code-file",
      join(this.#handedOver(), `claim-code-${number}`),
      ...protectionArgs(this.#protection(number), this.#tpm(number)?.socketPath ?? ""),
      // The made-up owners have made-up passwords, which nobody guesses: they need not cost a second each.
      ...(number === 1 ? [] : ["--password-cost", "131072x1"]),
      ...(number === 1 ? ["--invitation-file", this.#invitationFile()] : []),
    ];
  }

  private deviceProcess(device: DeviceRecord, extra: readonly string[] = []): Supervised {
    const { number, claimCode } = device;
    mkdirSync(this.#handedOver(), { recursive: true, mode: 0o700 });
    writeFileSync(join(this.#handedOver(), `claim-code-${number}`), claimCode, { mode: 0o600 });
    const command = this.options.piccolod ?? {
      executable: process.execPath,
      args: [join(root, "programs/piccolod/src/main.ts")],
    };
    const args = [...command.args, ...this.deviceArgs(device), ...(this.options.deviceArgs?.(number) ?? []), ...extra];
    const logFile = join(this.options.folder, `logs/device${number}.log`);
    return new Supervised(`device${number}`, { executable: command.executable, args }, logFile, this.#tpm(number));
  }

  #protection(number: number): Protection {
    const { protection = unprotected } = this.options;
    return typeof protection === "function" ? protection(number) : protection;
  }

  #tpm(number: number): SoftwareTpm | undefined {
    if (!this.#protection(number).tpm) return undefined;
    const tpm = this.#tpms.get(number) ?? new SoftwareTpm(this.#tpmFolder(number));
    this.#tpms.set(number, tpm);
    return tpm;
  }

  #tpmFolder(number: number): string {
    return join(this.options.folder, `tpm${number}`);
  }

  #stateFolder(number: number): string {
    return join(this.options.folder, `device${number}`);
  }

  #handedOver(): string {
    return join(this.options.folder, "handed-over");
  }

  #invitationFile(): string {
    return join(this.#handedOver(), "invitation-1");
  }

  #save(): void {
    const processes = [this.central, ...this.#devices.map((device) => device.process), ...this.#tpms.values()];
    this.#record.pids = processes.flatMap(({ pid }) => pid ?? []);
    const path = join(this.options.folder, "devnet.json");
    writeFileSync(`${path}.next`, `${JSON.stringify(this.#record, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.next`, path);
  }

  /** Starts central, then all devices, a few at a time so that a small machine is not swamped. */
  async start(): Promise<void> {
    await this.central.start();
    const waiting = [...this.devices];
    const lane = async (): Promise<void> => {
      for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
        await device.process.start();
        await this.unlock(device);
        this.#say(`${device.process.name} answers at ${device.origin}`);
      }
    };
    await Promise.all([lane(), lane(), lane()]);
    this.#save();
  }

  /** Ends a device and starts it again, with arguments added for this run only. */
  async startDeviceWith(number: number, extra: readonly string[]): Promise<void> {
    await this.device(number).process.stop();
    await this.startDevice(number, extra);
  }

  /** Starts one device again, with arguments added for this run only. */
  async startDevice(number: number, extra: readonly string[] = []): Promise<void> {
    const device = this.device(number);
    device.process = this.deviceProcess(device.record, extra);
    await device.process.start();
    this.#save();
    await this.unlock(device);
  }

  /**
   * Pulls a device's plug: its process, its TPM and the server of its volume end at once, whatever they are doing. What
   * lies on its disk and in its TPM stays for the next start.
   */
  async cutPower(number: number): Promise<void> {
    const device = this.device(number);
    // Both are told before either has ended, so that the TPM may be cut off within a command.
    await Promise.all([this.#tpms.get(number)?.stop(), device.process.kill()]);
    unmountBelow(device.folder);
  }

  /** Puts another TPM into a device that does not run; the old one is gone for good. */
  async replaceTpm(number: number): Promise<void> {
    await this.#tpms.get(number)?.stop();
    this.#tpms.delete(number);
    rmSync(this.#tpmFolder(number), { recursive: true, force: true });
    // What a device without a TPM has in its place.
    rmSync(join(this.#stateFolder(number), "insecure-chip-seed"), { force: true });
  }

  /** Starts the TPM of a device that runs elsewhere than in its process, as each start of that device does. */
  async startTpm(number: number): Promise<void> {
    await this.#tpm(number)?.start();
    this.#save();
  }

  /** Starts one more device, which has no owner yet and no invitation. */
  async addDevice(): Promise<Device> {
    const record = await this.#newRecord(this.#devices.length + 1);
    return this.#startFresh(record);
  }

  /** A device is lost with its disk and its chip: a fresh one with ports of its own, and no owner, stands in its place. */
  async replaceDevice(number: number): Promise<Device> {
    await this.cutPower(number);
    await this.replaceTpm(number);
    rmSync(this.#stateFolder(number), { recursive: true, force: true });
    return this.#startFresh(await this.#newRecord(number));
  }

  async #newRecord(number: number): Promise<DeviceRecord> {
    const { devices, centralPort } = this.#record;
    const taken = new Set([centralPort, ...devices.flatMap(({ port, peerPort }) => [port, peerPort])]);
    const after = Math.max(...taken) + 1;
    const port = await takePort(after, taken);
    return { number, port, peerPort: await takePort(after, taken), claimCode: randomBytes(10).toString("hex") };
  }

  async #startFresh(record: DeviceRecord): Promise<Device> {
    const { number } = record;
    this.#record.devices[number - 1] = record;
    const device = new Device(record, this.#stateFolder(number), this.deviceProcess(record));
    this.#devices[number - 1] = device;
    await device.process.start();
    this.#save();
    return device;
  }

  /** A device is locked after each start; the owners that this network made up enter their passwords. */
  async unlock(device: Device): Promise<void> {
    const { password } = device.record;
    if (password === undefined) return;
    if ((await device.phase()) === "locked") await device.session.signIn(password);
  }

  async stop(): Promise<void> {
    await Promise.all(this.devices.map((device) => device.process.stop()));
    await Promise.all(Array.from(this.#tpms.values(), (tpm) => tpm.stop()));
    await this.central.stop();
    // Of a device that had to be killed the volume is still there.
    unmountBelow(this.options.folder);
    this.#save();
  }

  /**
   * Sets up the owners from the second device on: the second founds the network, the others join, and an invitation,
   * signed by as many members as the rules ask for, waits for the first device.
   */
  async populate(): Promise<void> {
    if (this.#record.populated) return;
    const [, founder, ...others] = this.devices;
    if (founder === undefined) return;
    // Checking and making passwords takes a second each, so they are made side by side.
    const unclaimed = [founder, ...others];
    const lane = async (): Promise<void> => {
      for (let device = unclaimed.shift(); device !== undefined; device = unclaimed.shift()) await this.claim(device);
    };
    await Promise.all([lane(), lane(), lane()]);
    if (await isOutside(founder)) {
      await founder.session.finish(
        await founder.session.call<TaskView>("POST", "/network/found", { name: "Lindenstrasse" }),
      );
    }
    for (const [at, device] of others.entries()) {
      if (!(await isOutside(device))) continue;
      const token = await this.invite(founder, others.slice(0, at));
      await device.session.finish(await device.session.call<TaskView>("POST", "/network/join", { invitation: token }));
      this.#say(`${ownerName(device.number)} has joined (${at + 2} members)`);
    }
    writeFileSync(this.#invitationFile(), await this.invite(founder, others), { mode: 0o600 });
    this.#record.populated = true;
    this.#save();
  }

  /** Claims a device in its made-up owner's name, or signs in where that happened before. */
  async claim(device: Device, password = madeUpPassword()): Promise<void> {
    // Remembered first: a stop in between must not leave a device whose password nobody knows.
    device.record.password ??= password;
    this.#save();
    if ((await device.phase()) === "unclaimed") {
      const name = ownerName(device.number);
      device.phrase = await device.session.claim(device.record.claimCode, name, device.record.password);
    } else {
      await device.session.signIn(device.record.password);
    }
  }

  /** Opens a closed device by its phrase, under a new password. */
  async openVolume(device: Device, phrase: string, password = madeUpPassword()): Promise<void> {
    await device.session.openVolume(phrase, password);
    device.record.password = password;
    this.#save();
  }

  /** Has a device without an owner become that of the phrase, under a new password. */
  async recover(
    device: Device,
    given: { readonly phrase: string; readonly place?: string },
    newPassword = madeUpPassword(),
  ): Promise<void> {
    const { claimCode } = device.record;
    await device.session.finish(await device.session.recover({ claimCode, newPassword, ...given }));
    device.record.password = newPassword;
    this.#save();
  }

  /** Where a member's device is, as a person types it. */
  addressOf(number: number): string {
    return `/ip4/127.0.0.1/tcp/${this.device(number).record.peerPort}`;
  }

  /** Starts everything with every owner set up and a member, the first one by the invitation that waits for it. */
  async startWhole(): Promise<void> {
    await this.start();
    await this.populate();
    const first = this.device(1);
    await this.claim(first);
    await this.joinWaiting(first);
  }

  /** Joins by the invitation that waits on the device; resolves when it sees every other member online. */
  async joinWaiting(device: Device): Promise<void> {
    await device.session.finish(await device.session.call<TaskView>("POST", "/network/join", {}));
    await this.allOnline(device);
  }

  /** Resolves when `device` sees every other member online. */
  async allOnline(device: Device): Promise<void> {
    interface View {
      readonly members: readonly { readonly online: boolean; readonly self: boolean }[];
    }
    await until(`${device.process.name} sees all members online`, async () => {
      const { members } = await device.session.call<View>("GET", "/network");
      return members.length === this.devices.length && members.every(({ online, self }) => online || self);
    });
  }

  /** An invitation by `inviter`, co-signed by one of the others once the network's rules ask for two signatures. */
  async invite(inviter: Device, others: readonly Device[]): Promise<string> {
    interface Invitation {
      readonly id: string;
      readonly state: string;
      readonly token?: string;
    }
    const created = await inviter.session.call<Invitation>("POST", "/network/invitations", {});
    if (created.state === "needs-cosigner") {
      const cosigner = others[0];
      if (cosigner === undefined)
        throw new Error("the network asks for a second signature, and there is no other member");
      // The co-signer's device learns of the request, and the inviter of the signature, through central.
      await until(`${cosigner.process.name} co-signs`, async () => {
        const known = await cosigner.session.call<{ invitations: Invitation[] }>("GET", "/network/invitations");
        if (!known.invitations.some(({ id }) => id === created.id)) return false;
        await cosigner.session.call("POST", `/network/invitations/${created.id}/cosign`, {});
        return true;
      });
    }
    let token: string | undefined;
    await until("the invitation is complete", async () => {
      const known = await inviter.session.call<{ invitations: Invitation[] }>("GET", "/network/invitations");
      const mine = known.invitations.find(({ id }) => id === created.id);
      if (mine?.state === "open") token = mine.token;
      return token !== undefined;
    });
    if (token === undefined) throw new Error("the invitation has no token");
    return token;
  }
}

const madeUpPassword = (): string => `piccolo-${randomBytes(6).toString("hex")}`;

async function isOutside(device: Device): Promise<boolean> {
  const { state } = await device.session.call<{ state: string }>("GET", "/network");
  return state === "none";
}

/** Asks again and again, a few times a second, until the answer is yes; throws after a minute. */
export async function until(what: string, ask: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!(await ask())) {
    if (Date.now() > endMs) throw new Error(`${what}: not within ${limitMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

/**
 * Ends all that an earlier network over the folder left on the machine because it was itself killed: its programs, the apps
 * of its devices, and its volumes. What lies in the folder can be removed then.
 */
export function clearLeftBehind(folder: string): void {
  const path = join(folder, "devnet.json");
  if (existsSync(path)) stopLeftBehind((JSON.parse(readFileSync(path, "utf8")) as NetworkRecord).pids, folder);
  endAppsBelow(folder);
  unmountBelow(folder);
}

/** Ends processes that an earlier start of this very folder left running because it was itself killed. */
function stopLeftBehind(pids: readonly number[], folder: string): void {
  for (const pid of pids) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (command.some((word) => word.includes(`${folder}/`))) process.kill(pid, "SIGKILL");
    } catch {
      // It is gone, which is what is wanted.
    }
  }
}
