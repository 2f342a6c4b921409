import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { readPackageList } from "../chroot/root-cache.ts";
import { Chroot } from "../chroot/chroot.ts";
import { repositoryRoot } from "../config.ts";
import { assembleTree, kernelOf } from "./assemble.ts";
import { decodePackages, installedPackages, packagesOfTree, rpmRecords, withoutPackages } from "./packages.ts";

const os = join(repositoryRoot, "os");

/** Runs nothing: what is asked of it is kept. */
class NoTools extends Chroot {
  readonly asked: string[][] = [];

  override run(program: string, args: readonly string[]): Promise<Buffer> {
    this.asked.push([program, ...args]);
    return Promise.resolve(Buffer.alloc(0));
  }
}

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), "tree-"))));
after(() => rmSync(folder, { recursive: true }));

const kernel = "6.11.4-301.fc41.x86_64";

/** A root in the shape of Fedora CoreOS, with what its packages are said to have. */
function fedoraRoot(name: string): string {
  const root = join(folder, name);
  const removed = readPackageList(join(os, "fcos/removed-packages.txt")).filter((line) => !line.startsWith("? "));
  const owned = [
    ...removed.map((each) => [each, `/usr/share/${each}/file`]),
    ["bash", "/usr/bin/bash"],
    ["bash", "/usr/bin/sh"],
  ];
  const put = (path: string, content = ""): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  symlinkSync("bin", join(root, "usr/sbin"));
  for (const link of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${link}`, join(root, link));
  for (const program of ["bash", "agetty", "sulogin", "su", "login", "podman"]) put(`usr/bin/${program}`, program);
  chmodSync(join(root, "usr/bin/su"), 0o4755);
  symlinkSync("bash", join(root, "usr/bin/sh"));
  for (const [, path = ""] of owned.slice(0, removed.length)) put(path);
  const modules = `usr/lib/modules/${kernel}`;
  put(`${modules}/vmlinuz`, "kernel");
  const network = ["kernel/net/x25/x25.ko.xz", "kernel/net/tipc/tipc.ko.xz"];
  for (const path of network) put(join(modules, path));
  put(`${modules}/modules.dep`, network.map((path) => `${path}:\n`).join(""));
  const builtIn = readPackageList(join(os, "drivers.txt"));
  put(`${modules}/modules.builtin`, builtIn.map((name) => `kernel/drivers/${name}.ko\n`).join(""));
  put("usr/lib/systemd/system-generators/coreos-liveiso-autologin-generator");
  put("usr/lib/systemd/system-generators/zram-generator");
  put("usr/lib/passwd", "root:x:0:0:Super User:/root:/bin/bash\n");
  put("etc/passwd", "root:x:0:0:Super User:/root:/bin/bash\n");
  put("etc/shadow", "root:$y$secret:19000:0:99999:7:::\n");
  put("etc/ssh/sshd_config");
  put("etc/resolv.conf", "nameserver 192.0.2.1\n");
  put("var/lib/something");
  const rows = [
    ...removed.map((each) => [each, "0:1-1.fc41", "x86_64", `${each}-1-1.fc41.src.rpm`]),
    ["bash", "0:5.2.32-1.fc41", "x86_64", "bash-5.2.32-1.fc41.src.rpm"],
    ["gpg-pubkey", "0:e99d6ad1-64d2612c", "(none)", "(none)"],
  ];
  put(rpmRecords.packages, `${rows.map((row) => row.join("\t")).join("\n")}\n`);
  put(rpmRecords.files, `${owned.map((row) => row.join("\t")).join("\n")}\n`);
  return root;
}

test("a root that says by nothing what it is made of is refused, as is a package to take out that is not there", () => {
  const empty = join(folder, "empty");
  mkdirSync(empty);
  assert.throws(() => installedPackages(empty), /neither by dpkg/);
  const root = fedoraRoot("lacking");
  assert.throws(() => withoutPackages(root, ["ghost"]), /ghost is to be taken out/);
  withoutPackages(root, ["? ghost"]);
});

test("a root of Fedora CoreOS becomes a tree: no way in, its accounts locked, its packages told", async () => {
  const packagesRoot = fedoraRoot("root");
  const programs = join(folder, "programs");
  mkdirSync(programs);
  for (const name of ["piccolod", "blake-hash.node"]) writeFileSync(join(programs, name), name);
  const tree = join(folder, "tree");
  const tools = new NoTools("/", []);
  const central = "https://central.example.org";
  const release = { version: "1.0.0", number: 1, minimum: 1, central, keys: {} };
  const own = new NoTools("/", []);
  await assembleTree({ packagesRoot, os, base: "fcos", programs, release, tree }, tools, own);
  assert.deepEqual(tools.asked, [["systemctl", `--root=${tree}`, "preset-all"]]);
  assert.deepEqual(own.asked, [["depmod", "--basedir", tree, kernel]]);
  assert.ok(existsSync(join(tree, "usr/lib/modules", kernel, "kernel/net/x25/x25.ko.xz")));
  assert.ok(!existsSync(join(tree, "usr/lib/modules", kernel, "kernel/net/tipc")), "a protocol nothing speaks");
  for (const program of ["bash", "sh", "agetty", "sulogin", "su", "login"]) {
    assert.equal(lstatSync(join(tree, "usr/bin", program), { throwIfNoEntry: false }), undefined, program);
  }
  assert.equal(readFileSync(join(tree, "usr/lib/piccolo/sh"), "utf8"), "bash");
  assert.deepEqual(readdirSync(join(tree, "usr/lib/systemd/system-generators")), ["zram-generator"]);
  for (const path of ["usr/share/openssh-server/file", "usr/share/piccolo-build", "usr/etc/ssh", "etc"]) {
    assert.ok(!existsSync(join(tree, path)), path);
  }
  assert.deepEqual(readdirSync(join(tree, "var")), []);
  for (const path of ["usr/lib/passwd", "usr/etc/passwd"]) {
    assert.match(readFileSync(join(tree, path), "utf8"), /:\/usr\/sbin\/nologin$/m);
  }
  assert.doesNotMatch(readFileSync(join(tree, "usr/etc/shadow"), "utf8"), /secret/);
  assert.equal(readlinkSync(join(tree, "usr/etc/systemd/system/sshd.service")), "/dev/null");
  assert.match(readFileSync(join(tree, "usr/lib/os-release"), "utf8"), /^ID_LIKE=fedora$/m);
  assert.ok(existsSync(join(tree, "usr/lib/NetworkManager/conf.d/90-piccolo.conf")));
  assert.ok(!existsSync(join(tree, "usr/lib/systemd/network/50-piccolo.network")), "the other base's network");
  const settings = JSON.parse(readFileSync(join(tree, "usr/lib/piccolo/piccolod.json"), "utf8")) as { central: string };
  assert.equal(settings.central, central);
  assert.ok(!existsSync(join(tree, "usr/etc/resolv.conf")), "of the machine that built the root");
  const made = readFileSync(join(tree, "usr/lib/tmpfiles.d/piccolo.conf"), "utf8");
  assert.match(made, /^f \/var\/lib\/containers\/cache 0400 root root -$/m);
  assert.match(made, /^L \/etc\/resolv\.conf - - - - \.\.\/run\/systemd\/resolve\/stub-resolv\.conf$/m);
  assert.equal(readFileSync(kernelOf(packagesRoot), "utf8"), "kernel");
  assert.deepEqual(decodePackages(readFileSync(join(tree, packagesOfTree), "utf8")), [
    { kind: "rpm/fedora", name: "bash", version: "0:5.2.32-1.fc41", architecture: "x86_64", source: "bash" },
  ]);
});

test("dpkg's database gives packages with their sources, in order", () => {
  const root = join(folder, "debian");
  mkdirSync(join(root, "var/lib/dpkg/info"), { recursive: true });
  const status = [
    "Package: zlib1g\nVersion: 1:1\nArchitecture: amd64\nSource: zlib (1:1)\n",
    "Package: adduser\nVersion: 3\nArchitecture: all\n",
  ];
  writeFileSync(join(root, "var/lib/dpkg/status"), status.join("\n"));
  assert.deepEqual(
    installedPackages(root).map(({ kind, name, source }) => [kind, name, source]),
    [
      ["deb/debian", "adduser", "adduser"],
      ["deb/debian", "zlib1g", "zlib"],
    ],
  );
  cpSync(join(root, "var/lib/dpkg/status"), join(root, "usr-file"));
  writeFileSync(join(root, "var/lib/dpkg/info/adduser.list"), "/.\n/usr-file\n");
  withoutPackages(root, ["adduser"]);
  assert.ok(existsSync(join(root, "usr-file")), "what lies in the root itself stays");
});
