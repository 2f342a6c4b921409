/** A device whose volume was made, in the hands of somebody who can change its disk and its firmware while it is off. */
import { closeSync, copyFileSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { askExt4, deviceLayout, type Place, placeOf, type ReleaseImage } from "@piccolo/release";
import type { FirmwareName, Laboratory } from "./laboratory.ts";
import type { Machine } from "./machine.ts";
import type { ScenarioContext } from "./scenario.ts";

interface Status {
  readonly phase: string;
  readonly reasons: readonly { readonly code: string; readonly detail: string }[];
  readonly opensWith: readonly string[];
  readonly clock: { readonly state: string };
  readonly serverTimeMs: number;
}

export async function statusOf(machine: Machine): Promise<Status> {
  return JSON.parse((await machine.client.get("/api/v1/status")).body) as Status;
}

export class SealedDevice {
  readonly machine: Machine;
  readonly #context: ScenarioContext;

  private constructor(context: ScenarioContext, machine: Machine) {
    this.#context = context;
    this.machine = machine;
  }

  static async create(context: ScenarioContext, name: string, image: ReleaseImage): Promise<SealedDevice> {
    const machine = await context.machine(name, image.disk);
    machine.powerOn();
    await machine.untilAnswers();
    context.equal("the volume was made", (await statusOf(machine)).phase, "unclaimed");
    await machine.powerButton();
    const device = new SealedDevice(context, machine);
    // From here on its layer shows what a single start writes.
    await device.change(async () => undefined);
    return device;
  }

  change(change: (place: (label: string) => Place, disk: string) => Promise<void>): Promise<void> {
    return this.machine.changeDisk((disk) => change((label) => placeOf(disk, deviceLayout, label), disk));
  }

  /** Runs with other firmware variables, then has its own back. */
  async withFirmware<Result>(name: FirmwareName, use: () => Promise<Result>): Promise<Result> {
    const own = join(this.machine.options.folder, "variables.fd");
    const kept = readFileSync(own);
    copyFileSync(await this.#context.laboratory.firmware(name), own);
    try {
      return await use();
    } finally {
      writeFileSync(own, kept);
    }
  }

  /** Starts it: it stays shut, says why by these codes, takes no phrase, and nothing of the volume was written. */
  async staysShut(what: string, codes: readonly string[]): Promise<Status> {
    const { machine } = this;
    machine.powerOn();
    await machine.untilAnswers();
    const status = await statusOf(machine);
    await machine.powerCut();
    this.#context.say(`  ${what}: ${status.reasons.map(({ code, detail }) => `${code} (${detail})`).join("; ")}`);
    this.#context.equal(`${what}: phase`, status.phase, "closed");
    this.#context.equal(
      `${what}: reasons`,
      status.reasons.map(({ code }) => code),
      codes,
    );
    for (const { detail } of status.reasons) this.#context.check(`${what}: ${detail}`, detail.length > 20);
    await this.#wroteNothing(what);
    return status;
  }

  async #wroteNothing(what: string): Promise<void> {
    const data = placeOf("", deviceLayout, "piccolo-data");
    this.#context.equal(`${what}: the volume was written to`, await this.machine.wroteTo(data), false);
  }

  /** Starts what does not come as far as an answer. */
  async neverAnswers(what: string, says: RegExp): Promise<void> {
    const { machine } = this;
    machine.powerOn();
    await machine.untilSays(says);
    this.#context.check(`${what}: nothing answers`, !(await machine.client.answers()));
    await machine.powerCut();
    await this.#wroteNothing(what);
  }

  /** Starts it: the volume opens, and is written to. */
  async opens(what: string): Promise<void> {
    const { machine } = this;
    machine.powerOn();
    await machine.untilAnswers();
    const status = await statusOf(machine);
    this.#context.equal(`${what}: ${JSON.stringify(status.reasons)}`, status.phase, "unclaimed");
    await machine.powerButton();
    const data = placeOf("", deviceLayout, "piccolo-data");
    this.#context.check(`${what}: the volume was used`, await machine.wroteTo(data));
  }
}

/** Where the content of a path of the root lies in the disk's repository. */
export async function objectOf({ shop }: Laboratory, image: ReleaseImage, path: string): Promise<string> {
  const { repository, checksum } = image.commit;
  const line = await shop.tools.text("ostree", [`--repo=${repository}`, "ls", "-C", checksum, path]);
  const object = /\b([0-9a-f]{64})\b/.exec(line)?.[1] ?? "";
  return `/ostree/repo/objects/${object.slice(0, 2)}/${object.slice(2)}.file`;
}

/** Turns one bit of a file's content around, on the disk itself; done twice, it is as it was. */
export async function changeOneByte({ shop }: Laboratory, disk: string, file: string): Promise<void> {
  const place = placeOf(disk, deviceLayout, "piccolo-root");
  const block = Number(await askExt4(place, `bmap ${file} 300`, shop.tools));
  if (!Number.isSafeInteger(block) || block <= 0) throw new Error(`${file} has no block 300`);
  const byte = Buffer.alloc(1);
  const opened = openSync(disk, "r+");
  try {
    const at = place.offset + block * 4096 + 77;
    readSync(opened, byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 1;
    writeSync(opened, byte, 0, 1, at);
  } finally {
    closeSync(opened);
  }
}
