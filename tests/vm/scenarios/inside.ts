/** What the running system looks like from inside, told by the probe of a test image. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readSections } from "@piccolo/attest";
import { fromUtf8 } from "@piccolo/bytes";
import { readPackageList } from "@piccolo/release";
import { repositoryRoot } from "../../../tools/run-tests.ts";
import type { Stranger } from "../lan/stranger.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";
import { predictedPcr11 } from "../prediction.ts";

/** Anything that would be a way in. */
const waysIn = /getty|login|sshd?|telnet|rescue|debug-shell|zincati|afterburn|sulogin/;
const ownPorts = new Set([80, 443, 4711, 4712]);
/** Of the network's own set-up, and of names on it. */
const datagramPorts = new Set([68, 546, 5353]);

/** Ports of sockets that anyone on the network reaches, of `/proc/net/{tcp,tcp6,udp,udp6}`. */
function openPorts(lines: readonly string[]): { readonly listening: number[]; readonly datagrams: number[] } {
  const listening: number[] = [];
  const datagrams: number[] = [];
  for (const line of lines) {
    const [, local = "", , state = ""] = line.trim().split(/\s+/);
    const [address = "", port = ""] = local.split(":");
    const loopback = address.endsWith("7F") || /^0{24}01000000$|^0000000000000000FFFF00000100007F$/.test(address);
    if (loopback) continue;
    if (state === "0A") listening.push(Number.parseInt(port, 16));
    if (state === "07") datagrams.push(Number.parseInt(port, 16));
  }
  return { listening, datagrams };
}

/** `80, 4711-4712`: all of them may be a lot. */
function ranges(ports: readonly number[]): string {
  const found: [from: number, to: number][] = [];
  for (const port of [...ports].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && port === last[1] + 1) last[1] = port;
    else found.push([port, port]);
  }
  return found.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(", ") || "none";
}

/** What somebody on the same network finds, who tries every port: the firewall lets nothing through that is not listed. */
async function seenFromOutside(context: ScenarioContext, stranger: Stranger): Promise<void> {
  const byOld = await stranger.findByAddress("10.0.2.15");
  const named = await stranger.findByName("piccolo.local", byOld);
  context.equal("who says that piccolo.local is there", named.address, byOld.address);
  const byNew = await stranger.findByHardware(byOld);
  for (const station of [byOld, byNew]) {
    const { address } = station;
    const beganMs = performance.now();
    const { open, refused } = await stranger.scan(station, "tcp");
    context.say(`  ${address}: ${ranges(open)} take connections, ${ranges(refused)} refuse`);
    for (const port of [80, 443]) context.check(`${address}: ${port} answers`, open.includes(port));
    const seen = [...open, ...refused];
    context.equal(`${address}: ports that answer`, ranges(seen.filter((port) => !ownPorts.has(port))), "none");
    const datagrams = await stranger.scan(station, "udp");
    const answered = [...datagrams.open, ...datagrams.refused];
    context.equal(
      `${address}: ports that answer datagrams`,
      ranges(answered.filter((port) => !datagramPorts.has(port))),
      "none",
    );
    context.say(`  ${address}: all ports tried in ${Math.round((performance.now() - beganMs) / 1000)} s`);
  }
}

const preset = readFileSync(join(repositoryRoot, "os/root/usr/lib/systemd/system-preset/00-piccolo.preset"), "utf8");
/** What is enabled goes with a service of the preset: networkd's socket is the kernel's own, which nobody else reaches. */
const enabledOnes: ReadonlySet<string> = new Set([
  ...[...preset.matchAll(/^enable (\S+)$/gm)].map(([, unit = ""]) => unit),
  "systemd-networkd.socket",
]);

export const inside: Scenario = {
  name: "inside",
  summary: "/usr is read-only and checked, PCR 11 is as predicted, nobody but piccolod listens, and nobody logs in",
  set: "core",
  async run(context) {
    const image = await context.laboratory.image("probe");
    const machine = await context.machine("device", image.disk, "enforcing", { shared: true });
    machine.powerOn();
    await machine.untilAnswers();
    const told = await machine.untilProbed();
    const section = (name: string): readonly string[] => told.get(name) ?? [];
    const text = (name: string): string => section(name).join("\n");

    context.equal(
      "PCR 11",
      section("pcrs")
        .find((line) => line.startsWith("11 "))
        ?.slice(3)
        .toLowerCase(),
      predictedPcr11(image),
    );
    for (const pcr of [12, 13]) {
      context.check(`PCR ${pcr} is zero`, section("pcrs").includes(`${pcr} ${"0".repeat(64)}`));
    }
    context.check("the kernel is locked down", /\[integrity\]|\[confidentiality\]/.test(text("lockdown")));
    // A driver without its builder's signature, were one loaded, would leave its mark.
    context.equal("the kernel's taint", text("tainted"), "0");
    context.check(`drivers are loaded: ${section("drivers").length}`, section("drivers").includes("virtio_blk"));
    context.check(`a watchdog is at work: ${text("watchdog")}`, section("watchdog").includes("state active"));
    context.equal("SysRq", text("sysrq"), "0");
    const signed = readSections(readFileSync(image.uki)).get(".cmdline")?.content ?? new Uint8Array();
    context.equal("the command line", text("cmdline").trim(), fromUtf8(signed).replace(/\0+$/, "").trim());

    for (const line of section("writes")) context.check(line, line.startsWith("refused"));
    context.check("every place was tried", section("writes").length === 7);
    const rootMount = section("mounts").find((line) => line.split(" ")[4] === "/") ?? "";
    for (const option of ["verity=require", "metacopy=on"])
      context.check(`${option}: ${rootMount}`, rootMount.includes(option));
    context.check("the root is read-only", (rootMount.split(" ")[5] ?? "").split(",").includes("ro"));

    const { listening, datagrams } = openPorts(section("sockets"));
    context.equal(
      "ports that take connections",
      listening.filter((port) => !ownPorts.has(port)),
      [],
    );
    context.equal(
      "ports that take datagrams",
      datagrams.filter((port) => !datagramPorts.has(port)),
      [],
    );
    context.check("the firewall drops", text("firewall").includes("policy drop"));
    await machine.withStranger((stranger) => seenFromOutside(context, stranger));

    context.equal(
      "units that would be a way in",
      section("active-units").filter(
        (line) => waysIn.test(line.split(" ")[0] ?? "") && !line.startsWith("systemd-logind.service"),
      ),
      [],
    );
    const states = new Map(section("unit-files").map((line) => line.trim().split(/\s+/) as [string, string]));
    const masks = readPackageList(join(repositoryRoot, "os/masks.txt"));
    context.equal(
      "units that are not masked",
      masks.filter((unit) => states.get(unit) !== "masked"),
      [],
    );
    context.check("there are masks", masks.length > 30);
    context.equal(
      "units that are enabled and not in the preset",
      [...states].filter(([unit, state]) => state === "enabled" && !enabledOnes.has(unit)).map(([unit]) => unit),
      [],
    );
    context.equal("units that failed", section("failed-units"), []);
    context.equal("programs with rights of their own", section("setuid"), []);
    context.equal("programs to log in with", section("shells"), []);
    context.equal(
      "accounts with a password or a shell",
      section("passwords").filter((line) => !/:(?:!\*|\/usr\/sbin\/nologin)$/.test(line)),
      [],
    );
    const programs = section("processes").map((line) => line.split(" ")[0]);
    const shells = section("processes").filter(
      (line) => /\/(?:ba|da)?sh /.test(line) && !line.includes("test-overlay/probe"),
    );
    context.equal("shells that run", shells, []);
    context.say(`  processes: ${programs.length}`);
    const memory = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text("memory"))?.[1]) / 1024;
    context.figure("memory of the idle system", Math.round(memory("MemTotal") - memory("MemAvailable")), "MiB");
    const momentUs = (name: string): number =>
      Number(new RegExp(`^${name}TimestampMonotonic=(\\d+)$`, "m").exec(text("piccolod-memory"))?.[1]);
    const shareUs = momentUs("ActiveEnter") - momentUs("ExecMainStart");
    context.check("piccolod was started and became ready", shareUs > 0);
    context.figure("piccolod from its start to ready, a first start", Math.round(shareUs / 1e5) / 10, "s");
    for (const line of section("timing").slice(0, 12)) context.say(`  ${line}`);
  },
};
