import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { hashClaimCode, matchesHash } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { realWorld } from "@piccolo/world/real";
import { repositoryRoot, UsageError } from "../config.ts";
import { dataUrl, type Json, normalized, translateButane } from "./butane.ts";
import { fillIn, makeIgnition, type Programs, run } from "./ignition.ts";

const execute = promisify(execFile);
const names = ["piccolod", "blake-hash.node", "libatomic.so.1"];
const code = "k7f2q-xm3ta";
let files: string;
before(() => {
  files = mkdtempSync(join(tmpdir(), "files-"));
  for (const name of names) writeFileSync(join(files, name), `the file ${name}`);
});
after(() => rmSync(files, { recursive: true, force: true }));

const head = "variant: fcos\nversion: 1.4.0\n";
const translate = (text: string): Json => translateButane(`${head}${text}`, () => Buffer.from("local"));

test("what the translator does not know is refused, not left out", () => {
  const sources = [
    "variant: fcos\nversion: 1.5.0\n",
    "variant: flatcar\nversion: 1.4.0\n",
    `${head}storage:\n  luks: []\n`,
    `${head}passwd:\n  users:\n    - name: core\n      ssh_authorized_keys: [key]\n`,
    `${head}passwd:\n  users:\n    - name: core\n      should_exist: true\n`,
    `${head}storage:\n  files:\n    - path: relative\n      mode: 0644\n      contents: {inline: x}\n`,
    `${head}storage:\n  files:\n    - path: /a\n      mode: 0644\n      contents: {local: ../../etc/shadow}\n`,
    `${head}storage:\n  files:\n    - path: /a\n      mode: 0644\n      contents: {source: "https://a/b"}\n`,
    `${head}storage:\n  files:\n    - path: /a\n      mode: 99999\n      contents: {inline: x}\n`,
    `${head}systemd:\n  units:\n    - name: "a b.service"\n`,
    `${head}systemd:\n  units: []\nsystemd:\n  units: []\n`,
    "- a list",
    "\t",
  ];
  for (const source of sources) {
    assert.throws(
      () => translateButane(source, () => Buffer.from("")),
      (error) => isFault(error, "butane-unfit"),
      source,
    );
  }
});

test("what is filled in cannot change the meaning of the source", () => {
  const hash = hashClaimCode(code, realWorld);
  const urls = [
    "ftp://a",
    "https://a/",
    "https://a/b c",
    'https://a"b',
    "https://a\nb",
    "javascript:1",
    "https://a/@URL@",
  ];
  for (const url of urls) {
    assert.throws(
      () => fillIn({ url, files, claimCodeHash: hash, central: undefined }),
      (error) => isFault(error, "butane-unfit"),
      url,
    );
  }
  assert.throws(
    () => fillIn({ url: "https://a", files: join(files, "absent"), claimCodeHash: hash, central: undefined }),
    (error) => isFault(error, "input-missing"),
  );
});

test("each key is translated as Butane's documentation says", () => {
  assert.deepEqual(
    translate(
      [
        "storage:",
        "  disks:",
        "    - device: /dev/disk",
        "      wipe_table: false",
        "      partitions:",
        "        - {label: data, size_mib: 0}",
        "  files:",
        "    - {path: /a, mode: 0755, contents: {inline: hi}}",
        "    - {path: /b, mode: 0600, contents: {local: c/d}}",
        "systemd:",
        "  units:",
        "    - {name: a.service, mask: true}",
        "    - name: b.service",
        "      dropins:",
        "        - {name: 1.conf, contents: '[Unit]'}",
      ].join("\n"),
    ),
    {
      ignition: { version: "3.3.0" },
      systemd: {
        units: [
          { name: "a.service", mask: true },
          { name: "b.service", dropins: [{ name: "1.conf", contents: "[Unit]" }] },
        ],
      },
      storage: {
        disks: [{ device: "/dev/disk", wipeTable: false, partitions: [{ label: "data", sizeMiB: 0 }] }],
        files: [
          { path: "/a", mode: 0o755, contents: { source: "data:;base64,aGk=" } },
          { path: "/b", mode: 0o600, contents: { source: "data:;base64,bG9jYWw=" } },
        ],
      },
    },
  );
});

test("two translations that mean the same are equal, others are not", () => {
  const file = (contents: Json): Json => ({ storage: { files: [{ path: "/a", contents }] } });
  const plain = normalized(file({ source: dataUrl(Buffer.from("hello")) }));
  const zipped = `data:;base64,${gzipSync("hello").toString("base64")}`;
  assert.deepEqual(normalized(file({ source: zipped, compression: "gzip", verification: {} })), plain);
  assert.deepEqual(normalized(file({ source: "data:,hello", compression: "" })), plain);
  assert.notDeepEqual(normalized(file({ source: "data:,hellp" })), plain);
  assert.notDeepEqual(normalized(file({ source: "https://a/hello" })), plain);
});

async function made(
  context: TestContext,
  url: string,
  ...more: readonly string[]
): Promise<{ readonly path: string; readonly ignition: Json }> {
  const folder = mkdtempSync(join(tmpdir(), "ignition-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "code"), `${code}\n`);
  const path = join(folder, "piccolo.ign");
  const args = ["--url", url, "--files", files, "--out", path, "--claim-code", join(folder, "code"), ...more];
  assert.equal(await run(args), 0);
  return { path, ignition: JSON.parse(readFileSync(path, "utf8")) as Json };
}

test("the configuration is one Ignition takes, with no user, no key, no program and no claim code in it", async (context) => {
  const { path, ignition } = await made(context, "https://releases.example/1.0");
  execFileSync("ignition-validate", [path]);
  const text = readFileSync(path, "utf8");
  assert.ok(
    !text.includes(code) &&
      !text.includes(Buffer.from(code).toString("base64")) &&
      !/ssh-(?:rsa|ed25519)|sshAuthorizedKeys/.test(text),
  );
  const { passwd, storage } = ignition as {
    passwd: { users: object[] };
    storage: { files: { path: string; contents: { source: string; verification?: { hash: string } } }[] };
  };
  assert.deepEqual(passwd.users, [{ name: "core", shouldExist: false }]);
  const fetched = storage.files.filter(({ contents }) => !contents.source.startsWith("data:"));
  assert.deepEqual(fetched.map(({ contents }) => basename(contents.source)).sort(), [...names].sort());
  assert.ok(fetched.every(({ contents }) => /^sha512-[0-9a-f]{128}$/.test(contents.verification?.hash ?? "")));
});

const settingsOf = (ignition: Json): Record<string, Json> => {
  const { storage } = ignition as { storage: { files: { path: string; contents: { source: string } }[] } };
  const file = storage.files.find(({ path }) => path === "/etc/piccolo/piccolod.json");
  const content = /^data:;base64,(.*)$/.exec(file?.contents.source ?? "")?.[1] ?? "";
  return JSON.parse(Buffer.from(content, "base64").toString()) as Record<string, Json>;
};

test("the central that is named is in the device's settings, without one a name that never exists, and nothing else differs", async (context) => {
  const url = "https://releases.example/1.0";
  const { path, ignition } = await made(context, url, "--central", "https://central.example.org:8443/");
  execFileSync("ignition-validate", [path]);
  const settings = settingsOf(ignition);
  assert.equal(settings["central"], "https://central.example.org:8443");
  const { path: pathWithout, ignition: without } = await made(context, url);
  execFileSync("ignition-validate", [pathWithout]);
  assert.deepEqual(settingsOf(without), { ...settings, central: "https://central.invalid" });
  const source = JSON.parse(readFileSync(join(repositoryRoot, "os/butane/piccolod.json"), "utf8")) as Json;
  assert.deepEqual(settingsOf(without), source);
});

test("a central that is no origin is refused, and nothing is written", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "ignition-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const out = join(folder, "out");
  for (const central of [
    "central.example.org",
    "http://central.example.org",
    "https://a/b",
    'https://a"\n',
    "https://@URL@",
  ]) {
    await assert.rejects(
      run(["--url", "https://a", "--files", files, "--out", out, "--central", central]),
      UsageError,
      central,
    );
  }
  assert.ok(!existsSync(out));
});

/** Programs that are not built yet, in a folder of the test's own; `built` counts how often they were. */
function unbuilt(context: TestContext): { readonly programs: Programs; readonly out: string; built: number } {
  const folder = mkdtempSync(join(tmpdir(), "fresh-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const dist = join(folder, "dist");
  const fresh = {
    out: join(folder, "piccolo.ign"),
    built: 0,
    programs: {
      folder: dist,
      build: async () => {
        fresh.built++;
        cpSync(files, dist, { recursive: true });
      },
    },
  };
  return fresh;
}

test("the bare command builds what is not built yet, and writes what Ignition takes, with an address that is nobody's", async (context) => {
  const fresh = unbuilt(context);
  assert.equal(await run(["--out", fresh.out], fresh.programs), 0);
  execFileSync("ignition-validate", [fresh.out]);
  const text = readFileSync(fresh.out, "utf8");
  assert.match(text, /"https:\/\/releases\.invalid\/[\d.]+\/piccolod"/);
  assert.equal(await run(["--out", fresh.out], fresh.programs), 0);
  assert.equal(fresh.built, 1, "what is built is taken as it is");
});

test("what nobody can check is written only by who asks for that, and what the validator refuses never", async (context) => {
  const { out, programs } = unbuilt(context);
  const path = process.env["PATH"];
  context.after(() => void (process.env["PATH"] = path));
  const tools = mkdtempSync(join(tmpdir(), "tools-"));
  context.after(() => rmSync(tools, { recursive: true, force: true }));
  process.env["PATH"] = tools;
  await assert.rejects(run(["--out", out], programs), (error) => isFault(error, "tool-missing"));
  assert.ok(!existsSync(out));
  assert.equal(await run(["--out", out, "--unchecked"], programs), 0);
  assert.ok(existsSync(out));
  rmSync(out);
  writeFileSync(join(tools, "ignition-validate"), "#!/bin/sh\necho 'no such key' >&2\nexit 1\n", { mode: 0o755 });
  for (const more of [[], ["--unchecked"]]) {
    await assert.rejects(
      run(["--out", out, ...more], programs),
      (error) => isFault(error, "tool-failed") && /no such key/.test(error.message),
    );
  }
  assert.deepEqual(readdirSync(dirname(out)), ["dist"], "nothing is left");
});

test("a wrong type anywhere is told by the real validator, so that its silence means something", async (context) => {
  const { path, ignition } = await made(context, "https://releases.example/1.0");
  writeFileSync(path, JSON.stringify({ ...(ignition as object), systemd: { units: [{ name: 7 }] } }));
  await assert.rejects(execute("ignition-validate", [path]));
});

test("arguments that are missing, and a claim code that is too short or easy, are refused", async (context) => {
  await assert.rejects(run([]), UsageError);
  const folder = mkdtempSync(join(tmpdir(), "ignition-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "code"), "short");
  const args = [
    "--url",
    "https://a",
    "--files",
    files,
    "--out",
    join(folder, "out"),
    "--claim-code",
    join(folder, "code"),
  ];
  await assert.rejects(run(args), UsageError);
  writeFileSync(join(folder, "code"), "password1");
  await assert.rejects(run(args), /easy to guess/);
  assert.ok(!existsSync(join(folder, "out")));
});

/** Serves the files as a release's place does; `spoilt` changes one on the way. */
async function serve(context: TestContext, spoilt?: string): Promise<string> {
  const server = createServer((request, response) => {
    const name = basename(request.url ?? "");
    if (!names.includes(name)) response.writeHead(404).end();
    else response.end(name === spoilt ? "something else" : readFileSync(join(files, name)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The real program's file stage on a folder, as it runs in the initrd on a machine's root. */
async function runFileStage(
  context: TestContext,
  url: string,
): Promise<{ readonly root: string; readonly relabelled: string }> {
  const { ignition } = await made(context, url, "--central", "https://central.example.org");
  const folder = mkdtempSync(join(tmpdir(), "machine-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(folder, "root");
  mkdirSync(join(root, "etc/selinux"), { recursive: true });
  writeFileSync(join(root, "etc/selinux/config"), "SELINUX=disabled\nSELINUXTYPE=targeted\n");
  // Ignition hands what it wrote to setfiles, which needs a kernel and a policy that this machine has not; this one keeps the list.
  const programs = join(folder, "programs");
  mkdirSync(programs);
  writeFileSync(join(programs, "setfiles"), `#!/bin/sh\nexec tr '\\0' '\\n' > ${join(folder, "relabelled")}\n`, {
    mode: 0o755,
  });
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  // Disks are another stage's, and users are removed by a program within the root.
  const {
    storage,
    passwd: _passwd,
    kernelArguments: _arguments,
    ...rest
  } = ignition as Record<string, Record<string, Json>>;
  const { disks: _disks, filesystems: _filesystems, ...kept } = storage ?? {};
  const config = join(folder, "config.ign");
  writeFileSync(config, JSON.stringify({ ...rest, storage: kept }));
  const common = ["--platform=file", `--root=${root}`, "--log-to-stdout"];
  const state = [
    `--config-cache=${join(folder, "cache")}`,
    `--state-file=${join(folder, "state")}`,
    `--neednet=${join(folder, "net")}`,
  ];
  for (const stage of ["fetch", "files"]) {
    await execute("/usr/lib/dracut/modules.d/30ignition/ignition", [...common, ...state, `--stage=${stage}`], {
      env: { PATH: `${programs}:${process.env["PATH"] ?? ""}`, IGNITION_CONFIG_FILE: config },
    });
  }
  return { root, relabelled: readFileSync(join(folder, "relabelled"), "utf8") };
}

test("the real Ignition fetches the files, checks them, and lays everything out", async (context) => {
  const { root, relabelled } = await runFileStage(context, await serve(context));
  assert.match(relabelled, /\/usr\/local\/bin\/piccolod/);
  for (const name of names) {
    const folder = name === "libatomic.so.1" ? "usr/local/lib/piccolo" : "usr/local/bin";
    assert.equal(readFileSync(join(root, folder, name), "utf8"), `the file ${name}`);
  }
  assert.equal(statSync(join(root, "usr/local/bin/piccolod")).mode & 0o777, 0o755);
  assert.equal(statSync(join(root, "var/lib/piccolo/claim-code")).mode & 0o777, 0o600);
  assert.ok(statSync(join(root, "var/lib/containers/cache")).isFile(), "a folder there is one that Podman writes to");
  const settings = readFileSync(join(root, "etc/piccolo/piccolod.json"), "utf8");
  assert.equal((JSON.parse(settings) as { central: string }).central, "https://central.example.org");
  const kept = readFileSync(join(root, "var/lib/piccolo/claim-code"), "utf8").trim();
  assert.ok(matchesHash(kept, code) && !matchesHash(kept, `${code}x`));
  const units = readdirSync(join(root, "etc/systemd/system"));
  assert.ok(units.includes("piccolod.service") && units.includes("piccolod.service.d"));
  const presets = readFileSync(join(root, "etc/systemd/system-preset/20-ignition.preset"), "utf8");
  assert.match(presets, /^enable piccolod\.service$/m);
});

test("a file that is not the one that was meant is not laid out", async (context) => {
  await assert.rejects(runFileStage(context, await serve(context, "piccolod")), /hash verification failed|piccolod/);
});

test("our translation and butane's agree, where butane is installed, and stand alone where it is not", async () => {
  const isInstalled = (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, "butane")));
  const claimCodeHash = hashClaimCode(code, realWorld);
  for (const central of [undefined, "https://central.example.org"]) {
    const { checkedBy } = await makeIgnition(fillIn({ url: "https://a", files, claimCodeHash, central }));
    assert.deepEqual(checkedBy, isInstalled ? ["butane"] : []);
  }
});
