/** What piccolod's settings and the units name is there, on each base that has settings of its own. */
import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { readPackageList } from "../chroot/root-cache.ts";
import { repositoryRoot } from "../config.ts";
import { fillIn, makeIgnition } from "../ignition/ignition.ts";
import { catalogPath, imagesPath } from "./own-apps.ts";

const os = join(repositoryRoot, "os");
const filesOf = (folder: string): string[] =>
  globSync("**", { cwd: join(os, folder) }).filter((path) => statSync(join(os, folder, path)).isFile());

/** A machine as it is before its first start: absolute path to content; undefined for a program. */
type LaidOut = ReadonlyMap<string, string | undefined>;

interface System {
  readonly laidOut: LaidOut;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Each unit with its drop-ins behind it. */
  readonly units: ReadonlyMap<string, string>;
  readonly enabled: readonly string[];
}

interface PhaseOne extends System {
  readonly kernelArguments: readonly string[];
}

/** What an image has on every base. */
function image(): System {
  const laidOut = new Map<string, string | undefined>();
  const lay = (folder: string, place: string): void => {
    for (const path of filesOf(folder)) laidOut.set(`${place}/${path}`, readFileSync(join(os, folder, path), "utf8"));
  };
  lay("root", "");
  lay("units", "/usr/lib/systemd/system");
  lay("piccolod", "/usr/lib/piccolo");
  // What `assemble.ts` adds.
  for (const name of ["sh", "piccolod", "blake-hash.node", "release.json"])
    laidOut.set(`/usr/lib/piccolo/${name}`, undefined);
  const units = [...laidOut].filter(([path]) => dirname(path) === "/usr/lib/systemd/system");
  return {
    laidOut,
    settings: JSON.parse(laidOut.get("/usr/lib/piccolo/piccolod.json") ?? "") as Record<string, unknown>,
    units: new Map(units.map(([path, text]) => [basename(path), text ?? ""])),
    enabled: [
      ...(laidOut.get("/usr/lib/systemd/system-preset/00-piccolo.preset") ?? "").matchAll(/^enable (\S+)$/gm),
    ].map(([, unit = ""]) => unit),
  };
}

/** What Ignition lays out on a Fedora CoreOS. */
async function phaseOne(context: TestContext): Promise<PhaseOne> {
  const files = mkdtempSync(join(tmpdir(), "files-"));
  context.after(() => rmSync(files, { recursive: true }));
  for (const name of ["piccolod", "blake-hash.node", "libatomic.so.1"]) writeFileSync(join(files, name), name);
  const source = fillIn({ url: "https://releases.example", files, claimCodeHash: "hash", central: undefined });
  const { ignition } = (await makeIgnition(source)) as unknown as {
    ignition: {
      kernelArguments: { shouldExist: string[] };
      storage: { files: { path: string; contents: { source: string } }[] };
      systemd: { units: { name: string; enabled?: boolean; dropins?: { contents: string }[] }[] };
    };
  };
  const laidOut = new Map(
    ignition.storage.files.map(({ path, contents }): [string, string | undefined] => {
      const [, content] = /^data:(?:;base64)?,(.*)$/.exec(contents.source) ?? [];
      return [path, content === undefined ? undefined : Buffer.from(content, "base64").toString()];
    }),
  );
  const own = [...laidOut].filter(([path]) => dirname(path) === "/etc/systemd/system");
  const units = own.map(([path, text]): [string, string] => {
    const name = basename(path);
    const dropins = ignition.systemd.units.find((each) => each.name === name)?.dropins ?? [];
    return [name, [text, ...dropins.map(({ contents }) => contents)].join("\n")];
  });
  return {
    laidOut,
    settings: JSON.parse(laidOut.get("/etc/piccolo/piccolod.json") ?? "") as Record<string, unknown>,
    units: new Map(units),
    kernelArguments: ignition.kernelArguments.shouldExist,
    enabled: ignition.systemd.units.filter(({ enabled }) => enabled === true).map(({ name }) => name),
  };
}

/** A unit's values of `key`, after which an empty one forgets those before it. */
function valuesOf(text: string, key: string): string[] {
  let values: string[] = [];
  for (const [, value = ""] of text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))) {
    values = value === "" ? [] : [...values, value];
  }
  return values;
}

/** Made by the machine itself, or by whoever has something to put there. */
const elsewhere: ReadonlySet<string> = new Set([
  "/run/systemd/tpm2-pcr-signature.json",
  ...[catalogPath, imagesPath].map((path) => `/${path}`),
  "/run/piccolo/podman.environment",
]);

function checkSystem({ laidOut, settings, units }: System): void {
  const named = Object.values(settings)
    .flat()
    .filter((value) => typeof value === "string");
  for (const unit of named.filter((value) => /^[\w-]+\.(?:mount|socket|service)$/.test(value))) {
    assert.ok(units.has(unit), `${unit} is in the settings and nowhere else`);
  }
  const sockets = [...units.values()].flatMap((text) => valuesOf(text, "ListenStream"));
  const mounts = [...units.values()].flatMap((text) => valuesOf(text, "Where"));
  const isThere = (path: string): boolean =>
    laidOut.has(path) ||
    sockets.includes(path) ||
    mounts.some((mount) => path === mount || path.startsWith(`${mount}/`)) ||
    elsewhere.has(path) ||
    path.startsWith("/dev/");
  for (const path of named.map((value) => value.replace(/^\w+:(?=\/)/, "")).filter((value) => /^\/[a-z]/.test(value))) {
    if (path.startsWith("/ip4/")) continue;
    assert.ok(isThere(path), `${path} is in the settings and nowhere else`);
  }
  assert.equal(
    settings["podman-socket"],
    valuesOf(units.get(String(settings["podman-unit"])) ?? "", "ListenStream")[0],
  );
  // Podman is a child of nobody's but the service manager: piccolod's own sandbox would not let it run a container.
  assert.ok(units.has(String(settings["podman-unit"]).replace(/\.socket$/, ".service")));
  for (const [name, text] of units) {
    const others = ["OnFailure", "Wants"].flatMap((key) => valuesOf(text, key)).flatMap((value) => value.split(" "));
    for (const other of others.filter((unit) => unit.startsWith("piccolo"))) {
      assert.ok(units.has(other), `${name} names ${other}, which is nowhere else`);
    }
    for (const line of ["ExecStart", "EnvironmentFile"].flatMap((key) => valuesOf(text, key))) {
      const ours = line.split(" ").filter((word) => /^\/(?:usr\/lib\/piccolo|usr\/local|etc|run)\//.test(word));
      for (const path of ours) assert.ok(isThere(path), `${name} names ${path}, which is nowhere else`);
    }
  }
}

test("what the image's settings and units name, it has", () => {
  checkSystem(image());
});

test("what the settings and units of an ordinary Fedora CoreOS name is laid out there", async (context) => {
  checkSystem(await phaseOne(context));
});

test("what the screens say of a daemon that does not run is what the owner of that base can do", async (context) => {
  const said = (system: System): string =>
    valuesOf(system.units.get("piccolod-gave-up.service") ?? "", "StandardInputText").join("\n");
  const first = "\\nPiccolo-OS: the device's own program does not run; the machine starts again.";
  assert.deepEqual(said(image()).split("\n"), [
    first,
    "Where an older version is there, it comes back by itself after up to three tries.",
    "Where this is said again and again, repair the system from the installer's stick:",
    "the file READ-ME.txt on it says how. What is on the device stays.",
  ]);
  assert.deepEqual(said(await phaseOne(context)).split("\n"), [
    first,
    "Where this is said again and again, install the system anew.",
  ]);
});

/** What a Fedora CoreOS decides for itself: where it writes to is each platform's own, and how much. */
const argumentsOfTheBase = ["console=tty0", "console=ttyS0", "loglevel=5"];
/** What it needs beside: the image has no generator that would read it. */
const argumentsBeside = ["systemd.ssh_auto=no"];

test("an ordinary Fedora CoreOS has the image's kernel arguments, so that no shell opens where its start fails", async (context) => {
  const { kernelArguments } = await phaseOne(context);
  const ours = readPackageList(join(os, "cmdline.txt"));
  for (const argument of argumentsOfTheBase) assert.ok(ours.includes(argument), argument);
  const wanted = [...ours.filter((argument) => !argumentsOfTheBase.includes(argument)), ...argumentsBeside];
  assert.deepEqual(kernelArguments.toSorted(), wanted.toSorted());
});

test("on each base the firewall is up before the network is, and nobody is told the machine's name", async (context) => {
  const [one, two] = [image(), await phaseOne(context)];
  for (const { laidOut, units, enabled } of [one, two]) {
    for (const unit of ["piccolod.service", "piccolo-firewall.service"]) assert.ok(enabled.includes(unit), unit);
    const [command = ""] = valuesOf(units.get("piccolo-firewall.service") ?? "", "ExecStart");
    const [, rules = ""] = /^nft -f (\S+)$/.exec(command) ?? [];
    assert.match(laidOut.get(rules) ?? "", /policy drop;/, command);
    const [, resolved = ""] = [...laidOut].find(([path]) => /\/systemd\/resolved\.conf\.d\//.test(path)) ?? [];
    for (const line of ["LLMNR=no", "MulticastDNS=no"]) assert.ok(resolved.split("\n").includes(line), line);
  }
  assert.equal(two.laidOut.get("/etc/piccolo/firewall.nft"), one.laidOut.get("/usr/lib/piccolo/firewall.nft"));
});
