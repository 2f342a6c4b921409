/** The owner's machine is broken, the disk is not: it goes into another one. */
import { join } from "node:path";
import { refusalOf } from "../refusal.ts";
import type { Scenario } from "../scenario.ts";

const kept = "made on the first machine";
/** A phrase as good as any, and nobody's. */
const foreignPhrase = `${"abandon ".repeat(23)}art`;

export const otherMachine: Scenario = {
  name: "other-machine",
  summary:
    "a claimed disk in another machine stays shut, opens with the phrase and nothing else, and from then on by itself",
  set: "full",
  async run(context) {
    const { machine, secrets } = await context.restored("first", "claimed");
    const before = machine.client.session();
    await before.signIn(secrets.password);
    await before.call("POST", "/files/folders", { parent: "root", name: kept });
    await machine.powerButton();
    const disk = await machine.copyDisk(join(context.folder, "disk.img"));

    const other = await context.machine("other", disk);
    other.powerOn();
    await other.untilAnswers();
    const { phase, reasons, opensWith } = await other.client.status();
    context.equal("in another machine", [phase, reasons.map(({ code }) => code)], ["closed", ["tpm-other-chip"]]);
    context.equal("what opens it", opensWith, ["phrase"]);
    const owner = other.client.session();
    const newPassword = "the password on the other machine";
    context.equal("the password", await refusalOf(owner.call("POST", "/unlock", secrets)), "nothing-to-open");
    const stranger = owner.openVolume(foreignPhrase, newPassword);
    context.equal("another phrase", await refusalOf(stranger), "phrase-unknown");
    await owner.openVolume(secrets.phrase, newPassword);
    const names = async (session = owner): Promise<readonly string[]> => {
      const { nodes } = await session.call<{ readonly nodes: readonly { readonly name: string }[] }>("GET", "/files");
      return nodes.map(({ name }) => name);
    };
    context.equal("what was there", await names(), [kept]);

    await other.powerButton();
    other.powerOn();
    await other.untilAnswers();
    context.equal("after a restart", (await other.client.status()).phase, "locked");
    const later = other.client.session();
    context.equal("the old password", await refusalOf(later.signIn(secrets.password)), "wrong-password");
    await later.signIn(newPassword);
    context.equal("what is there", await names(later), [kept]);
  },
};
