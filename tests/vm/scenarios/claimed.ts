/** The product's image becomes its owner's device, through the portal's interface alone, and stays it. */
import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { BootView, SecurityView } from "@piccolo/device-api";
import { deviceLayout, placeOf } from "@piccolo/release";
import type { Machine } from "../machine.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";
import { authorityPattern, claimCodePattern } from "../snapshots.ts";

const password = "a password nobody would guess";
const zero = "0".repeat(64);
/** LUKS2 On-Disk Format Specification, 2.1: magic and version. */
const luks2Magic = Buffer.from("4c554b53babe0002", "hex");
/** Stands in the name of a folder, and must not stand anywhere on the disk. */
const canary = "canary of the first owner";

async function answersAfter(context: ScenarioContext, what: string, machine: Machine): Promise<void> {
  await machine.untilSays(/Starting.*piccolod\.service/);
  const startingMs = performance.now();
  context.figure(what, Math.round((await machine.untilAnswers()) / 100) / 10, "s");
  context.figure(`${what}: piccolod's share`, Math.round((performance.now() - startingMs) / 100) / 10, "s", 2);
}

/** The volume opened by itself, the owner's keys wait for the password, and what was there is there. */
async function isStillTheirs(context: ScenarioContext, after: string, machine: Machine): Promise<void> {
  const status = await machine.client.status();
  context.equal(`phase after ${after}: ${JSON.stringify(status.reasons)}`, status.phase, "locked");
  const session = machine.client.session();
  await session.signIn(password);
  const { nodes } = await session.call<{ readonly nodes: readonly { readonly name: string }[] }>("GET", "/files");
  context.check(
    `the folder is there after ${after}`,
    nodes.some(({ name }) => name === canary),
  );
}

/** Whether the bytes stand anywhere in a file's part; reads as much at once as a disk gives. */
function contains(path: string, offset: number, size: number, sought: Buffer): boolean {
  const file = openSync(path, "r");
  try {
    const part = Buffer.alloc(8 * 1024 * 1024);
    for (let at = 0; at < size; at += part.length - sought.length) {
      const length = readSync(file, part, 0, Math.min(part.length, size - at), offset + at);
      if (part.subarray(0, length).includes(sought)) return true;
    }
    return false;
  } finally {
    closeSync(file);
  }
}

function write(path: string, offset: number, bytes: Buffer): void {
  const file = openSync(path, "r+");
  try {
    writeSync(file, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(file);
  }
}

export const claimed: Scenario = {
  name: "claimed",
  summary:
    "the product's image boots with Secure Boot enforced, is claimed with the code on its screen, and opens by itself after the power button, a reset and a power cut",
  set: "core",
  async run(context) {
    const image = await context.laboratory.image();
    context.figure("boot image", Math.round(statSync(image.uki).size / 1e5) / 10, "MB");
    context.figure("disk image, written part", Math.round((statSync(image.disk).blocks * 512) / 1e5) / 10, "MB");
    const { tools } = context.laboratory.shop;
    const listed = await tools
      .within([context.laboratory.folder])
      .text("ostree", [
        "ls",
        `--repo=${join(context.laboratory.folder, "repository")}`,
        "--recursive",
        image.commit.checksum,
      ]);
    const sizes = [...listed.matchAll(/^-\S+ +\S+ +\S+ +(\d+) /gm)].map(([, size]) => Number(size));
    context.figure("commit", Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1e5) / 10, "MB");
    // As in a PC; the machines of other scenarios are virtual ones.
    const machine = await context.machine("device", image.disk, "enforcing", { diskBus: "ahci", card: "e1000e" });
    machine.powerOn();
    await answersAfter(context, "power-on to portal, first time", machine);
    context.check("Secure Boot is on", machine.serial.text.includes("UEFI Secure Boot is enabled"));
    const page = await machine.client.get("/");
    context.check("the portal's page comes", /<!doctype html>/i.test(page.body));
    const [, code = ""] = await machine.untilSays(claimCodePattern);
    const [, shown = ""] = await machine.untilSays(authorityPattern);
    context.equal("the authority is the one on the screen", await machine.client.authority(), shown.toUpperCase());
    context.equal("phase of a new device", (await machine.client.status()).phase, "unclaimed");

    const owner = machine.client.session();
    const phrase = await owner.claim(code, "Ada", password);
    context.equal("words of the phrase", phrase.split(" ").length, 24);
    await owner.call("POST", "/files/folders", { parent: "root", name: canary });
    const security = await owner.call<SecurityView>("GET", "/security");
    context.equal("volume", security.volume, { backend: "luks2", encrypted: true });
    context.equal("what it does without", security.insecure, []);
    context.check("the phrase counts as written down", security.slots.phrase.state === "confirmed");
    const boot = await owner.call<BootView>("GET", "/security/boot");
    context.equal(`boot: ${boot.detail}`, boot.state, "as-released");
    const pcrs = new Map(boot.pcrs.map(({ pcr, measured }) => [pcr, measured]));
    const window = boot.pcrs.find(({ pcr }) => pcr === 15);
    context.check("PCR 15 is extended", window !== undefined && window.measured !== zero);
    context.equal("PCR 15 tells of the volume", window?.measured, window?.predicted);
    for (const pcr of [12, 13]) context.equal(`PCR ${pcr}`, pcrs.get(pcr), zero);

    context.figure("power button to off", Math.round((await machine.powerButton()) / 100) / 10, "s");
    const raw = await machine.copyDisk(join(context.folder, "disk.img"));
    const data = placeOf(raw, deviceLayout, "piccolo-data");
    context.check("the data partition is LUKS2", contains(raw, data.offset, 512, luks2Magic));
    for (const encoding of ["utf8", "utf16le"] as const) {
      const sought = Buffer.from(canary, encoding);
      const found = (): boolean => contains(raw, data.offset, data.sizeBytes, sought);
      context.check(`nothing of the owner's can be read there (${encoding})`, !found());
      write(raw, data.offset + Math.floor(data.sizeBytes / 2), sought);
      context.check(`it would have been found (${encoding})`, found());
    }

    machine.powerOn();
    await answersAfter(context, "power-on to portal", machine);
    await isStillTheirs(context, "the power button", machine);
    await machine.reset();
    await machine.untilGone();
    await machine.untilAnswers();
    await isStillTheirs(context, "a reset", machine);
    await machine.powerCut();
    machine.powerOn();
    await machine.untilAnswers();
    await isStillTheirs(context, "a power cut", machine);
  },
};
