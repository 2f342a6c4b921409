/** Whoever fills the volume leaves its owner the device: the kernel keeps a reserve for what the device writes itself. */
import { DeviceProblem, type DeviceSession, uploadFile, seededStream } from "@piccolo/devnet";
import type { BootView } from "@piccolo/device-api";
import type { Machine } from "../machine.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";
import { claimCodePattern } from "../snapshots.ts";

const mebibyte = 1024 * 1024;
const password = "a password nobody would guess";
const newPassword = "another password nobody would guess";
/** Large beside what the journals of the databases grow by meanwhile, which comes out of what a removal gives. */
const sizeBytes = 8 * mebibyte;

const upload = async (session: DeviceSession, filename: string): Promise<string> => {
  const content = (offset: number) => seededStream(filename, sizeBytes, offset);
  return (await uploadFile(session, { filename, sizeBytes, content })).nodeId;
};

async function isRefused(context: ScenarioContext, what: string, work: () => Promise<unknown>): Promise<void> {
  const answer = await work().then(
    () => "it was taken",
    (error: unknown) =>
      error instanceof DeviceProblem ? `${error.problem.status} ${error.problem.code}` : String(error),
  );
  context.equal(what, answer, "507 disk-full");
}

/** What the overlay saw once it got no more. */
async function isFilled(context: ScenarioContext, machine: Machine): Promise<void> {
  const told = await machine.untilProbed();
  context.equal("folders that still took a mebibyte", told.get("refused"), [
    "refused fragments",
    "refused spool",
    "refused apps",
  ]);
  const [whole = [], content = []] = (told.get("bytes") ?? []).map((line) => line.split(" ").map(Number));
  const [blockBytes = 0, blocks = 0, free = 0] = whole;
  context.figure("volume", Math.round((blockBytes * blocks) / mebibyte), "MiB");
  context.figure("reserve that is left on the full volume", Math.round((blockBytes * free) / mebibyte), "MiB");
  context.check("the reserve is there", blockBytes * free > (blockBytes * blocks) / 16 - 8 * mebibyte);
  context.check("content has no room", (content[0] ?? 0) * (content[2] ?? Number.NaN) < mebibyte);
}

/** The room a removal gives is there once the change is kept and what waited is erased. */
async function untilTaken(session: DeviceSession, filename: string): Promise<void> {
  for (;;) {
    try {
      await upload(session, filename);
      return;
    } catch (error) {
      if (!(error instanceof DeviceProblem) || error.problem.status !== 507) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

export const diskFull: Scenario = {
  name: "disk-full",
  summary:
    "on a full data partition the owner signs in, deletes and changes settings; nothing is added until there is room",
  set: "full",
  async run(context) {
    const image = await context.laboratory.image("fills");
    const machine = await context.machine("device", image.disk);
    machine.powerOn();
    await machine.untilAnswers();
    const [, code = ""] = await machine.untilSays(claimCodePattern);
    const owner = machine.client.session();
    await owner.claim(code, "Ada", password);
    const files = [await upload(owner, "first"), await upload(owner, "second"), await upload(owner, "third")];
    await isFilled(context, machine);

    await isRefused(context, "an upload", () => upload(owner, "fourth"));
    await isRefused(context, "a new folder", () =>
      owner.call("POST", "/files/folders", { parent: "root", name: "folder" }),
    );
    await owner.call("DELETE", "/session");
    const changing = machine.client.session();
    await changing.signIn(password);
    await changing.call("PATCH", `/files/${files[0]}`, { name: "renamed" });
    await changing.call("POST", "/session/password", { oldPassword: password, newPassword });
    const locking = machine.client.session();
    await locking.signIn(newPassword);
    await locking.call("POST", "/lock");
    await locking.call("POST", "/unlock", { password: newPassword });
    const later = machine.client.session();
    await later.signIn(newPassword);
    for (const file of files.slice(0, 2)) {
      await later.call("DELETE", `/files/${file}`);
      await later.call("DELETE", `/trash/${file}`);
    }
    await untilTaken(later, "fifth");
    context.check("what was removed made room", true);

    await machine.powerCut();
    machine.powerOn();
    await machine.untilAnswers();
    context.equal("phase after a power cut", (await machine.client.status()).phase, "locked");
    const after = machine.client.session();
    await after.signIn(newPassword);
    await isFilled(context, machine);
    const { nodes } = await after.call<{ nodes: readonly { name: string }[] }>("GET", "/files");
    context.equal("files", nodes.map(({ name }) => name).sort(), ["fifth", "third"]);
    await after.call("DELETE", `/files/${files[2]}`);
    context.check("a file is deleted on the volume that was full from the start", true);

    // A release beside it: it starts, opens the full volume, and is found good there.
    await machine.powerButton();
    await machine.changeDisk(async (disk) => void (await context.laboratory.addRelease(disk, image, 2, "fills", 2)));
    machine.powerOn();
    await machine.untilAnswers();
    const updated = machine.client.session();
    await updated.signIn(newPassword);
    const running = async (): Promise<BootView> => updated.call<BootView>("GET", "/security/boot");
    context.equal("the release that runs", (await running()).release?.number, 2);
    await isFilled(context, machine);
    // What follows on the second serial line is its log.
    await machine.untilTells(/"release-blessed".*piccolo-2\.efi/);
    context.check("the release is found good on the full volume", true);
  },
};
