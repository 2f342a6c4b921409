/**
 * Somebody has the device for an hour and makes a volume of his own on it, sealed in the device's own chip: the policy is
 * public, and the chip seals for everybody.
 */
import { join } from "node:path";
import { execute } from "@piccolo/release";
import { copyPartition } from "../partitions.ts";
import { refusalOf } from "../refusal.ts";
import type { Scenario } from "../scenario.ts";
import { authorityPattern, claimCodePattern } from "../snapshots.ts";

const kept = "made before the device was out of sight";

export const swappedVolume: Scenario = {
  name: "swapped-volume",
  summary:
    "a stranger's volume, sealed in the same chip, in the owner's place: no password, phrase or name of the owner's counts for it",
  set: "full",
  async run(context) {
    const { folder } = context;
    const { machine: own, secrets } = await context.restored("own", "claimed");
    const before = own.client.session();
    await before.signIn(secrets.password);
    await before.call("POST", "/files/folders", { parent: "root", name: kept });
    const ours = await own.client.status();
    await own.powerButton();
    const ownDisk = await own.copyDisk(join(folder, "own.img"));

    const image = await context.laboratory.image();
    const stranger = await context.machine("stranger", image.disk, "enforcing", { chipOf: own });
    // A volume without an owner, as he might leave it for whoever claims the device next: nothing of it is used again.
    stranger.powerOn();
    const [, laid = ""] = await stranger.untilSays(authorityPattern);
    await stranger.untilAnswers();
    await stranger.powerButton();
    stranger.powerOn();
    const [, anew = ""] = await stranger.untilSays(authorityPattern);
    context.check("an unclaimed volume is made anew, with an authority of its own", anew !== laid);
    const [, code = ""] = await stranger.untilSays(claimCodePattern);
    await stranger.untilAnswers();
    await stranger.client.session().claim(code, "Mallory", "the password of the stranger");
    const [, theirs = ""] = await stranger.untilSays(authorityPattern);
    await stranger.powerButton();
    const strangersDisk = await stranger.copyDisk(join(folder, "stranger.img"));

    // His data partition beside the owner's record.
    const mixed = join(folder, "mixed.img");
    await execute("cp", ["--sparse=always", "--reflink=auto", strangersDisk, mixed]);
    copyPartition("piccolo-outside", ownDisk, mixed);
    const half = await context.machine("half", mixed, "enforcing", { chipOf: own });
    half.powerOn();
    await half.untilAnswers();
    const status = await half.client.status();
    context.equal("beside the owner's record", [status.phase, status.reasons[0]?.code], ["closed", "volume-wrong-key"]);
    context.equal("what it takes", status.opensWith, []);
    const session = half.client.session();
    context.equal("phrase", await refusalOf(session.openVolume(secrets.phrase, "another password")), "nothing-to-open");
    context.equal("password", await refusalOf(session.signIn(secrets.password)), "closed");
    await half.powerCut();

    // All of his, in the owner's machine with the owner's chip.
    const whole = await context.machine("whole", strangersDisk, "enforcing", { chipOf: stranger });
    whole.powerOn();
    await whole.untilAnswers();
    const found = await whole.client.status();
    context.equal("it opens, and is his", found.phase, "locked");
    context.check("it has another name than the owner's", found.deviceName !== ours.deviceName);
    const [, shown = ""] = await whole.untilSays(authorityPattern);
    context.equal("the authority is his", shown, theirs);
    const fooled = whole.client.session();
    context.equal("the owner's password", await refusalOf(fooled.signIn(secrets.password)), "wrong-password");
    context.equal(
      "the owner's phrase",
      await refusalOf(fooled.openVolume(secrets.phrase, "another password")),
      "sign-in-required",
    );
    await whole.powerCut();

    // The owner's disk again: what the chip sealed for it before is shut out, the phrase is not.
    const back = await context.machine("back", ownDisk, "enforcing", { chipOf: stranger });
    back.powerOn();
    await back.untilAnswers();
    const again = await back.client.status();
    context.equal("the owner's disk", [again.phase, again.reasons[0]?.code], ["closed", "tpm-superseded"]);
    const owner = back.client.session();
    await owner.openVolume(secrets.phrase, "the owner's next password");
    const { nodes } = await owner.call<{ readonly nodes: readonly { readonly name: string }[] }>("GET", "/files");
    context.equal(
      "what was there",
      nodes.map(({ name }) => name),
      [kept],
    );
  },
};
