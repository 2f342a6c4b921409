import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ContainerFiles } from "./container-files.ts";

const spec = {
  name: "shelf.web.1",
  hostName: "web",
  hosts: [
    { name: "web", address: "10.1.0.2" },
    { name: "db", address: "10.1.0.3" },
  ],
  nameServers: [],
  mounts: [],
};

async function laid(change: Partial<Parameters<ContainerFiles["lay"]>[0]> = {}) {
  const folder = join(mkdtempSync(join(tmpdir(), "piccolo-files-")), "files");
  const files = new ContainerFiles(folder);
  const mounts = await files.lay({ ...spec, ...change });
  const contents = new Map(
    mounts.map((mount) => [mount.target, mount.kind === "bind" ? readFileSync(mount.source, "utf8") : undefined]),
  );
  return { folder, files, mounts, contents };
}

test("a container finds its neighbours, no name server but its own loopback, and its name, and writes to none of it", async () => {
  const { mounts, contents } = await laid();
  assert.ok(mounts.every((mount) => mount.kind === "bind" && mount.readOnly));
  for (const mount of mounts) if (mount.kind === "bind") assert.equal(statSync(mount.source).mode & 0o777, 0o644);
  assert.deepEqual(Object.fromEntries(contents), {
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n10.1.0.2 web\n10.1.0.3 db\n",
    "/etc/resolv.conf": "nameserver 127.0.0.1\n",
    "/etc/hostname": "web\n",
    "/run/.containerenv": "",
  });
});

test("one with a way out has the name servers of its networks", async () => {
  const { contents } = await laid({ nameServers: ["10.1.0.1", "10.2.0.1"] });
  assert.equal(contents.get("/etc/resolv.conf"), "nameserver 10.1.0.1\nnameserver 10.2.0.1\n");
});

test("what the app itself mounts at such a place stays", async () => {
  const { contents } = await laid({ mounts: [{ kind: "scratch", target: "/etc/hosts", sizeBytes: 1, mode: 0o700 }] });
  assert.equal(contents.has("/etc/hosts"), false);
  assert.ok(contents.has("/etc/hostname"));
});

test("they go with their container; what an earlier process left goes at the next look, and what is being made stays", async () => {
  const { folder, files } = await laid();
  await files.lay({ ...spec, name: "other.web.1" });
  files.forget("other.web.1");
  files.forgetGone(new Set());
  assert.deepEqual(readdirSync(folder), ["shelf.web.1"]);
  const next = new ContainerFiles(folder);
  next.forgetGone(new Set(["shelf.web.1"]));
  assert.deepEqual(readdirSync(folder), ["shelf.web.1"]);
  next.forgetGone(new Set());
  assert.deepEqual(readdirSync(folder), []);
});
