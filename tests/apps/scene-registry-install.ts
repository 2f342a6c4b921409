/**
 * Apps whose images lie in registries, installed through the interface of a real device: from one with TLS, whose certificate somebody
 * the machine trusts has signed, and from no other, unless the device is started with a setting that names it.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppVisit, installApp, type TaskView, unmountBelow, until } from "@piccolo/devnet";
import type { BuiltImage } from "@piccolo/oci-image";
import { buildDemoImage } from "@piccolo/oci-image/demo";
import { keyOfSeed, makeAuthority, makeLeaf } from "../../programs/piccolod/src/adapters/tls/certificates.ts";
import { pem } from "../../programs/piccolod/src/adapters/tls/der.ts";
import { openAppNetwork } from "./app-network.ts";
import { demoManifest } from "./demo.ts";
import { TestRegistry } from "./registry.ts";

interface View {
  readonly state: string;
  readonly problem?: { readonly code: string; readonly detail: string };
}

const folder = mkdtempSync(join(tmpdir(), "piccolo-registry-install-"));

/** An authority, and what it signs for a registry on this machine. */
function authority(): { readonly certificate: string; readonly tls: { readonly key: string; readonly cert: string } } {
  const made = makeAuthority(keyOfSeed(randomBytes(32)) ?? assert.fail(), "registry", randomBytes(16));
  const key = keyOfSeed(randomBytes(32)) ?? assert.fail();
  const leaf = makeLeaf({
    authority: made,
    deviceName: "registry",
    key,
    names: ["127.0.0.1"],
    nowMs: Date.now(),
    random: randomBytes(16),
  });
  return {
    certificate: pem("CERTIFICATE", made.certificate),
    tls: { key: key.export({ format: "pem", type: "pkcs8" }), cert: pem("CERTIFICATE", leaf) },
  };
}

/** What this machine trusts, on this machine of the scene's own alone: as if a public authority had signed. */
function trust(certificate: string): void {
  const trusted = "/etc/ssl/certs/ca-certificates.crt";
  const path = join(folder, "trusted.crt");
  writeFileSync(path, `${readFileSync(trusted, "utf8")}\n${certificate}`);
  const { status, stderr } = spawnSync("mount", ["--bind", path, trusted], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

const known = authority();
trust(known.certificate);
const registries = {
  trusted: new TestRegistry(join(folder, "trusted"), 5_000, known.tls),
  stranger: new TestRegistry(join(folder, "stranger"), 5_010, authority().tls),
  plain: new TestRegistry(join(folder, "plain"), 5_020),
};
type Name = keyof typeof registries;
const names: readonly Name[] = ["trusted", "stranger", "plain"];

const architecture = process.arch === "arm64" ? "arm64" : "amd64";
const busybox = readFileSync("/bin/busybox");
/** Each is another one: what a device has already, it asks no registry for. */
const imageOf = (name: Name): BuiltImage => buildDemoImage("hello", { busybox, architecture, version: name });
const manifestOf = (name: Name): string =>
  demoManifest("hello", imageOf(name).digest, "1", name).replace(
    "localhost/piccolo-hello:1",
    `${registries[name].place}/piccolo/hello`,
  );

const protection = { tpm: true, volume: true, cheapSlots: true };
const network = await openAppNetwork(folder, { devices: 1, protection });

try {
  for (const name of names) {
    await registries[name].open();
    await registries[name].push("piccolo/hello", imageOf(name));
  }
  await network.start();
  const device = network.device(1);
  await network.claim(device);
  const { session } = device;
  const view = (app: Name): Promise<View> => session.call<View>("GET", `/apps/${app}`);
  const refused = async (app: Name): Promise<void> => {
    const source = { manifest: manifestOf(app) };
    await session.call<TaskView>("POST", "/apps", { source, grants: [], settings: {} });
    await until(`${app} says why it is not installed`, async () => (await view(app)).problem !== undefined);
    const { state, problem } = await view(app);
    assert.deepEqual([state, problem?.code], ["installing", "image-unreachable"], JSON.stringify(problem));
    assert.match(`${problem?.detail}`, /by a certificate this device trusts/);
    assert.deepEqual(registries[app].asked, [], "not one question was asked without TLS, or of a stranger");
  };
  const works = async (app: Name): Promise<void> => {
    assert.equal((await view(app)).state, "running");
    const { status, text } = await (await AppVisit.enter(session, app)).text("/");
    assert.equal(status, 200);
    assert.match(text, /Hello from your own device/);
  };
  const insecure = async (): Promise<readonly string[]> =>
    (await session.call<{ insecure: readonly string[] }>("GET", "/status")).insecure;

  await refused("plain");
  await refused("stranger");
  await installApp(session, manifestOf("trusted"));
  await works("trusted");
  const asked = registries.trusted.asked.map(({ path }) => path);
  assert.ok(asked.includes(`piccolo/hello/manifests/${imageOf("trusted").digest}`), asked.join());
  assert.ok(!(await insecure()).includes("registry"));

  // Podman goes on without piccolod, and would go on with what it was told; the app that runs goes on, too.
  await device.process.kill();
  await network.startDevice(1, ["--insecure-registry", registries.plain.place]);
  await network.claim(device);
  await session.call<TaskView>("POST", "/apps/plain/start");
  await until("the app is installed", async () => (await view("plain")).state === "running");
  await works("plain");
  await works("trusted");
  assert.ok(registries.plain.asked.length > 0);
  assert.ok((await insecure()).includes("registry"), "the device says what it does without");
  assert.deepEqual(registries.stranger.asked, [], "the setting is of the registry it names, and of no other");
} catch (error) {
  const said = readFileSync(join(folder, "net/logs/device1.log"), "utf8").split("\n").slice(-40).join("\n");
  throw new Error(`the device says:\n${said}`, { cause: error });
} finally {
  await network.stop();
  for (const registry of Object.values(registries)) await registry.close();
  unmountBelow(folder);
  spawnSync("umount", ["--lazy", "/etc/ssl/certs/ca-certificates.crt"]);
  rmSync(folder, { recursive: true, force: true });
}
