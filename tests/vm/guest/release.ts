/**
 * Runs in a machine that has a device's disk and beside it one with a newer release (scenarios `staged-release` and `rotation`): what brings a
 * release onto a device's disk, on the very disk, with fs-verity, from a web server. The device is started from it afterwards.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { mountedBootPartition } from "../../../programs/piccolod/src/adapters/boot/boot-partition.ts";
import { LoaderVariables } from "../../../programs/piccolod/src/adapters/boot/loader-variables.ts";
import { SystemdBoot } from "../../../programs/piccolod/src/adapters/boot/systemd-boot.ts";
import { OstreeDeployments } from "../../../programs/piccolod/src/adapters/deployments/ostree.ts";
import { mountedRepository } from "../../../programs/piccolod/src/adapters/deployments/root-repository.ts";
import { runCommand } from "../../../programs/piccolod/src/adapters/volume/command.ts";
import { partitionsNamed } from "../../../programs/piccolod/src/adapters/volume/partitions.ts";
import type { DeploymentSource } from "../../../programs/piccolod/src/system/deployments.ts";

const [root, offered] = ["/run/root", "/run/offered"];
const partition = (name: string): string => partitionsNamed(name)[0] ?? `no partition ${name}`;

async function mount(name: string, at: string): Promise<void> {
  mkdirSync(at, { recursive: true });
  const { code, stderr } = await runCommand("mount", ["-o", "ro", partition(name), at]);
  assert.equal(code, 0, stderr);
}

/** How many objects it gives away before it breaks every connection off. */
let patience = 0;
let given = 0;
const server = createServer((request, reply) => {
  const path = normalize(join("/", decodeURIComponent(request.url ?? "/")));
  if (path.startsWith("/objects/")) {
    if (patience <= 0) {
      request.socket.destroy();
      return;
    }
    patience--;
    given++;
  }
  const file = join(offered, "repository", path);
  const size = statSync(file, { throwIfNoEntry: false });
  if (size?.isFile() !== true) {
    reply.writeHead(404).end();
    return;
  }
  reply.writeHead(200, { "content-length": size.size });
  createReadStream(file).pipe(reply);
});

let source: DeploymentSource & { readonly tries: number; readonly booted: string };
/** What was on the disk before: the running release, and those beside it. */
let atFirst: readonly string[] = [];

function deployments(trustedKeys = join(offered, "trusted.gpg")): OstreeDeployments {
  const { port } = server.address() as AddressInfo;
  return new OstreeDeployments({
    root: mountedRepository({ root, repository: "ostree/repo", writableAt: "/run/piccolo/root" }),
    source: { remote: { name: "piccolo", url: `http://127.0.0.1:${port}` }, trustedKeys },
    booted: source.booted,
    verity: "required",
  });
}

const boot = (): SystemdBoot =>
  new SystemdBoot(
    mountedBootPartition(partition("piccolo-esp"), "/run/piccolo/boot"),
    new LoaderVariables("/run/none"),
  );

const states = async (): Promise<readonly string[]> =>
  (await deployments().list()).map(({ id, state }) => `${id} ${state}`);

before(async () => {
  await mount("piccolo-root", root);
  await mount("piccolo-offered", offered);
  source = JSON.parse(readFileSync(join(offered, "source.json"), "utf8")) as typeof source;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atFirst = await states();
  assert.ok(atFirst.includes(`${source.booted} booted`));
});

after(async () => {
  server.close();
  for (const at of [offered, root]) await runCommand("umount", [at]);
});

test("a release that somebody else signed is not taken", async () => {
  patience = Number.POSITIVE_INFINITY;
  await assert.rejects(deployments(join(offered, "foreign.gpg")).stage(source), { code: "deployment-untrusted" });
  assert.deepEqual(await states(), atFirst);
});

test("a fetching that breaks off leaves the disk as it was, and the next one brings the release", async () => {
  patience = 3;
  await assert.rejects(deployments().stage(source), { code: "deployment-unreachable" });
  assert.equal(patience, 0);
  assert.deepEqual(await states(), atFirst);
  patience = Number.POSITIVE_INFINITY;
  const staged = await deployments().stage(source);
  assert.deepEqual([staged.id, staged.commit, staged.state], [source.id, source.commit, "kept"]);
  assert.deepEqual(await states(), [`${source.id} kept`, ...atFirst]);
  process.stdout.write(`# objects given away: ${given}\n`);
});

test("its boot image stands beside the one that is there, to be tried first", async () => {
  const content = readFileSync(join(offered, "boot-image.efi"));
  const prediction = readFileSync(join(offered, "prediction"));
  const id = `piccolo-${source.id}.efi`;
  const [entries, predictions] = [(await boot().choice()).entries, (await boot().predictions()).length];
  await boot().install({ id, content, tries: source.tries, prediction });
  assert.equal(await boot().digestOf(id), createHash("sha256").update(content).digest("hex"));
  const shown = (each: typeof entries): readonly unknown[] =>
    each.map((entry) => [entry.id, entry.state, entry.tries?.left]);
  assert.ok(entries.some((entry) => entry.id === `piccolo-${source.booted}.efi` && entry.state === "good"));
  assert.deepEqual(shown((await boot().choice()).entries), [[id, "trying", source.tries], ...shown(entries)]);
  assert.equal((await boot().predictions()).length, predictions + 1);
});
