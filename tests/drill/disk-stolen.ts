import { randomBytes } from "node:crypto";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Device, type Network, type Uploaded, unprotected, uploadFile } from "@piccolo/devnet";
import { cutAppsOff } from "../apps/own-machine.ts";
import { SecretiveApp } from "../apps/secretive-app.ts";
import { secretsOf } from "../network/identity.ts";
import { LeakOracle } from "../network/leak-oracle.ts";
import { type Drill, type DrillContext, protectedCheaply } from "./drill.ts";
import { WrittenMachine } from "./written-machine.ts";

/** Text that stands nowhere else. */
const canary = (of: string): string => `${of}-${randomBytes(12).toString("hex")}`;

/** A name and a content that would be recognised anywhere, repeated, so that every block of it holds some. */
function write({ session }: Device, name: string, content: string, sizeBytes: number): Promise<Uploaded> {
  return uploadFile(session, {
    filename: name,
    sizeBytes,
    content: (from) => Readable.from([Buffer.alloc(sizeBytes, content).subarray(from)], { objectMode: false }),
  });
}

/** What a thief finds; a planted secret shows first that it would be found. */
function search(drill: DrillContext, oracle: LeakOracle, folder: string): readonly string[] {
  const planted = canary("planted");
  oracle.add("planted", planted);
  const file = join(folder, "planted");
  writeFileSync(file, Buffer.concat([Buffer.from(planted), Buffer.from(`${planted}\0${planted}`, "utf16le")]));
  const found = oracle.searchPath(folder);
  rmSync(file);
  drill.check(
    "what was planted on the disk is found",
    found.some(({ secret }) => secret === "planted"),
  );
  return found.filter(({ place }) => !place.startsWith(`${file} `)).map(({ secret, form }) => `${secret}, ${form}`);
}

/** The same beside the device's own folder: in files of programs it starts. */
function searchMachine(
  drill: DrillContext,
  machine: WrittenMachine,
  oracle: LeakOracle,
  where: { readonly memory: boolean },
): readonly string[] {
  const planted = canary("planted");
  oracle.add("planted", planted);
  const files = machine.plant(planted, where);
  const found = machine.search(oracle, where);
  for (const file of files) rmSync(file);
  const isPlanted = ({ secret }: { readonly secret: string }): boolean => secret === "planted";
  drill.equal("what was planted on the machine is found", found.filter(isPlanted).length, files.length);
  return found.filter((one) => !isPlanted(one)).map(({ secret, form, place }) => `${secret}, ${form}: ${place}`);
}

function bytesBelow(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).blocks * 512 : 0),
    0,
  );
}

async function fill(network: Network): Promise<ReadonlyMap<string, string>> {
  const owner = network.device(1);
  const texts = new Map(
    ["folder name", "file name", "content", "name of a waiting file", "content of a waiting file", "searched text"].map(
      (name) => [name, canary(name.replaceAll(" ", "-"))] as const,
    ),
  );
  const text = (name: string): string => texts.get(name) ?? "";
  await owner.session.call("POST", "/files/folders", { parent: "root", name: text("folder name") });
  await write(owner, text("file name"), text("content"), 300_000);
  await owner.session.call("GET", `/files/search?q=${text("searched text")}`);
  return texts;
}

export const diskStolenDrill: Drill = {
  name: "disk-stolen",
  summary:
    "a thief with the disk and another TPM: nothing the owner put in, no app's data or secret, and no key, is readable in any form",
  onOwnMachine: true,
  async run(drill) {
    const { small, sabotage } = drill.options;
    const machine = new WrittenMachine(drill.folder);
    drill.atEnd(() => machine.close());
    const images = join(drill.folder, "images");
    const network = await drill.network({
      devices: small ? 3 : 5,
      // Left out is what protects the disk.
      protection: (device) => (device === 1 && !sabotage ? protectedCheaply : unprotected),
      deviceArgs: (device) => (device === 1 ? ["--bundled-images", images] : []),
    });
    const owner = network.device(1);
    const [phrase = "", password = ""] = [owner.phrase, owner.record.password];
    const app = new SecretiveApp(owner.session, images);
    await app.install();
    drill.step("an app runs that has something to hide in its settings, secrets, data and log");
    const texts = await fill(network);
    await Promise.all(network.devices.slice(1).map((device) => device.process.stop()));
    // Whether it is acknowledged is all the same here: what counts is what of it lies on the disk.
    await write(
      owner,
      texts.get("name of a waiting file") ?? "",
      texts.get("content of a waiting file") ?? "",
      2_000_000,
    ).catch(() => undefined);
    const oracle = new LeakOracle();
    for (const [name, text] of texts) oracle.add(name, text);
    oracle.add("password", password);
    oracle.add("recovery phrase", phrase);
    const secrets = secretsOf(network, 1, phrase);
    for (const [name, secret] of secrets) oracle.add(name, secret);
    await app.addSecrets(oracle);
    drill.step(`${texts.size} canaries, ${secrets.size + 2} secrets and an app's are looked for`);
    const running = searchMachine(drill, machine, oracle, { memory: true });
    drill.equal("found beside the device's folder while the app runs, also in memory", running, []);
    // Which apps run is known to the machine's memory, and to it alone.
    app.addNames(oracle);

    await network.cutPower(1);
    await cutAppsOff();
    drill.equal(
      "found on the machine beside the device's folder",
      searchMachine(drill, machine, oracle, { memory: false }),
      [],
    );
    const stolen = join(drill.folder, "stolen");
    // It leaves holes what they are: a file system in a file has the size of what it may become.
    drill.equal("the copy is made", spawnSync("cp", ["--archive", owner.folder, stolen]).status, 0);
    drill.fault("the plug is pulled, and a thief copies the disk");
    drill.check("the disk holds what was written", bytesBelow(stolen) > 2_000_000);
    drill.equal("found on the disk as it was stolen", search(drill, oracle, stolen), []);
    drill.step(`${bytesBelow(stolen)} bytes searched raw, in base64, hex and UTF-16: nothing`);

    await network.replaceTpm(1);
    drill.fault("the thief starts the disk beside another TPM");
    await network.startDevice(1);
    drill.equal("the device is closed", await owner.phase(), "closed");
    await drill.refused("the password opens nothing", "nothing-to-open", () =>
      owner.session.call("POST", "/unlock", { password }),
    );
    await drill.refused("another phrase opens nothing", "phrase-unknown", () =>
      owner.session.openVolume(network.device(2).phrase ?? "", "a password of the thief's"),
    );
    await drill.refused("files are not shown", "closed", () => owner.session.call("GET", "/files"));
    const mounted = join(owner.folder, "volume/mount");
    drill.equal("what the volume shows", readdirSync(mounted), []);
    drill.equal("found on the disk after the attempts", search(drill, oracle, owner.folder), []);
    // The log, which a device has in memory alone, says which app something happened to.
    const said = oracle.searchPath(owner.process.logFile).filter(({ secret }) => secret !== "id of an app");
    drill.equal("found in the device's log", said, []);

    await network.openVolume(owner, phrase);
    drill.equal("the phrase, which the thief lacks, opens it", await owner.phase(), "ready");
    await drill.eventually("and the app runs again", () => app.isWell());
    drill.check("with its data", app.isKept());
  },
};
