/** An owner's device, in the hands of somebody who can change its disk and its firmware while it is off. */
import { closeSync, copyFileSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { askExt4, deviceLayout, type Place, placeOf, type ReleaseImage } from "@piccolo/release";
import { DeviceProblem } from "@piccolo/devnet";
import type { DeviceStatus } from "./device-client.ts";
import type { FirmwareName, Laboratory } from "./laboratory.ts";
import type { Machine } from "./machine.ts";
import type { ScenarioContext } from "./scenario.ts";

const daemonGivenUp = /Failed to start.*piccolod\.service|reboot: Restarting system/;
const lookEveryMs = 500;

export class SealedDevice {
  readonly machine: Machine;
  readonly #context: ScenarioContext;
  readonly #phrase: string;

  private constructor(context: ScenarioContext, machine: Machine, phrase: string) {
    this.#context = context;
    this.machine = machine;
    this.#phrase = phrase;
  }

  static async create(context: ScenarioContext, name: string): Promise<SealedDevice> {
    const { machine, secrets } = await context.restored(name, "claimed");
    await machine.powerButton();
    const device = new SealedDevice(context, machine, secrets.phrase);
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

  /**
   * Starts it: it stays shut, says why by these codes, and nothing of the volume was written. `phrase`: whether the owner's
   * phrase would be taken; where it would not, it is refused without having been tried.
   */
  async staysShut(what: string, codes: readonly string[], phrase: "refused" | "taken" = "refused"): Promise<void> {
    const { machine } = this;
    machine.powerOn();
    await machine.untilAnswers();
    const status = await machine.client.status();
    this.#context.say(`  ${what}: ${status.reasons.map(({ code, detail }) => `${code} (${detail})`).join("; ")}`);
    this.#context.equal(`${what}: phase`, status.phase, "closed");
    const seen = status.reasons.map(({ code }) => code);
    this.#context.equal(`${what}: reasons`, seen, codes);
    for (const { detail } of status.reasons) this.#context.check(`${what}: ${detail}`, detail.length > 20);
    this.#context.equal(`${what}: what opens it`, status.opensWith, phrase === "taken" ? ["phrase"] : []);
    if (phrase === "refused") {
      const answer = await this.#tryPhrase();
      this.#context.check(`${what}: the phrase: ${answer}`, ["nothing-to-open", "start-not-trusted"].includes(answer));
    }
    await machine.powerCut();
    await this.#wroteNothing(what);
  }

  async #tryPhrase(): Promise<string> {
    try {
      await this.machine.client.session().openVolume(this.#phrase, "a password nobody would guess either");
      return "opened";
    } catch (error) {
      if (error instanceof DeviceProblem) return error.problem.code;
      throw error;
    }
  }

  async #wroteNothing(what: string): Promise<void> {
    const data = placeOf("", deviceLayout, "piccolo-data");
    this.#context.equal(`${what}: the volume was written to`, await this.machine.wroteTo(data), false);
  }

  /** Starts what does not come as far as an answer, and looks until its system has given up on piccolod. */
  async neverAnswers(what: string, says: RegExp): Promise<void> {
    const { machine } = this;
    machine.powerOn();
    await machine.untilSays(says);
    this.#context.check(`${what}: nothing of piccolod runs`, await neverRan(machine));
    await machine.powerCut();
    await this.#wroteNothing(what);
  }

  /** Starts it: the volume opens by itself, and is written to. */
  async opens(what: string): Promise<DeviceStatus> {
    const { machine } = this;
    machine.powerOn();
    await machine.untilAnswers();
    const status = await machine.client.status();
    this.#context.equal(`${what}: ${JSON.stringify(status.reasons)}`, status.phase, "locked");
    await machine.powerButton();
    const data = placeOf("", deviceLayout, "piccolo-data");
    this.#context.check(`${what}: the volume was used`, await machine.wroteTo(data));
    return status;
  }
}

/** Whether the system gives up on its daemon without a single answer of it. */
export async function neverRan(machine: Machine): Promise<boolean> {
  const given = new AbortController();
  const gaveUp = machine.untilSays(daemonGivenUp).finally(() => given.abort());
  let answered = false;
  while (!given.signal.aborted && !answered) {
    answered = await machine.client.answers();
    await delay(lookEveryMs, undefined, { signal: given.signal }).catch(() => undefined);
  }
  if (!answered) await gaveUp;
  else gaveUp.catch(() => undefined);
  return !answered;
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
