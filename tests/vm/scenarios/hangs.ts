/** A daemon that hangs: before it is ready, and while it works. */
import type { BootView } from "@piccolo/device-api";
import { deadlineMs } from "../deadlines.ts";
import type { DeviceClient } from "../device-client.ts";
import type { Scenario } from "../scenario.ts";
import { claimCodePattern } from "../snapshots.ts";

const folder = "of before it hung";
const givenUp = /the device's own program does not run; the machine starts again/;
const password = "a password nobody would guess";

type Session = ReturnType<DeviceClient["session"]>;

async function hasFolder(session: Session): Promise<boolean> {
  const { nodes } = await session.call<{ readonly nodes: readonly { readonly name: string }[] }>("GET", "/files");
  return nodes.some(({ name }) => name === folder);
}

const startsIn = (text: string): number => text.match(/EFI stub: UEFI Secure Boot is enabled/g)?.length ?? 0;

export const hangs: Scenario = {
  name: "hangs",
  summary:
    "a release whose daemon never gets ready is given up, and the release before comes back by itself with its data",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const good = await laboratory.image();
    const { machine, secrets } = await context.restored("device", "claimed");
    const before = machine.client.session();
    await before.signIn(secrets.password);
    await before.call("POST", "/files/folders", { parent: "root", name: folder });
    await machine.powerButton();
    await machine.changeDisk(async (disk) => void (await laboratory.addRelease(disk, good, 2, "hangs", 1)));
    machine.powerOn();
    await machine.untilSays(givenUp, deadlineMs("startThatHangs"));
    await machine.untilAnswers(deadlineMs("startAfterTwoFailed"));
    context.equal("how often a system was started", startsIn(machine.serial.text), 2);
    const { phase, reasons } = await machine.client.status();
    context.equal(`its volume opened by itself: ${JSON.stringify(reasons)}`, phase, "locked");
    const after = machine.client.session();
    await after.signIn(secrets.password);
    context.check("what was there is there", await hasFolder(after));
    const { release, failedRelease } = await after.call<BootView>("GET", "/security/boot");
    context.equal(
      "what the owner hears",
      [release?.number, failedRelease?.number, failedRelease?.why],
      [1, 2, "unknown"],
    );
    await machine.powerCut();
  },
};

export const watchdog: Scenario = {
  name: "watchdog",
  summary:
    "a daemon that stands still is ended and started again, and takes over the volume it left open; one that ends badly when the machine is switched off is not called one that does not run",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const image = await laboratory.image("stops");
    const machine = await context.machine("device", await laboratory.copyDisk(image, "stops"));
    machine.powerOn();
    const [, code = ""] = await machine.untilSays(claimCodePattern);
    await machine.untilAnswers();
    const owner = machine.client.session();
    await owner.claim(code, "Ada", password);
    await owner.call("POST", "/files/folders", { parent: "root", name: folder });
    await machine.untilTells(/Watchdog timeout/);
    const isLocked = async (): Promise<boolean> => (await machine.client.status()).phase === "locked";
    await machine.until("the daemon that was started again", isLocked, deadlineMs("start"));
    context.check("it took the open volume over", (await machine.untilTells(/"plan":"adopt"/)).length > 0);
    const again = machine.client.session();
    await again.signIn(password);
    context.check("what was there is there", await hasFolder(again));
    context.equal("how often a system was started", startsIn(machine.serial.text), 1);
    const from = machine.probe.text.length;
    await machine.powerButton();
    const told = machine.probe.text.slice(from);
    context.check("the daemon ended badly", told.includes("piccolod.service: Failed with result 'exit-code'"));
    context.check(`nobody reads that it does not run:\n${machine.serial.tail}`, !givenUp.test(machine.serial.text));
  },
};
