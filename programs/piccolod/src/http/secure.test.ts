import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect, type PeerCertificate } from "node:tls";
import type { Claimed, NewPhrase, RecoverySheet } from "@piccolo/device-api";
import { claimCode, contentFolder, password, TestDevice } from "../../test-support/device.ts";
import { FailingDisk } from "../../test-support/failing-disk.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

interface Asking {
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly address?: string;
}

class SecureDevice {
  readonly device: TestDevice;
  readonly screen: string;
  /** What the people have put into their browser. */
  trusted = "";

  private constructor(device: TestDevice, screen: string) {
    this.device = device;
    this.screen = screen;
  }

  static async start(context: TestContext, ...args: readonly string[]): Promise<SecureDevice> {
    const folder = mkdtempSync(join(tmpdir(), "piccolo-screen-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const screen = join(folder, "screen");
    writeFileSync(screen, "");
    const device = await TestDevice.start(context, {
      args: ["--https", "--host", "piccolo.local", "--screen", screen, "--screen", "/nonexistent", ...args],
    });
    const secure = new SecureDevice(device, screen);
    secure.trusted = (await secure.chain()).at(-1) ?? "";
    return secure;
  }

  get port(): number {
    return Number(new URL(this.device.origin).port);
  }

  /** In PEM, the device's own first. */
  chain(): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: this.port, rejectUnauthorized: false }, () => {
        const found: string[] = [];
        let at: PeerCertificate | undefined = socket.getPeerCertificate(true);
        while (at !== undefined && found.length < 5) {
          found.push(new X509Certificate(at.raw).toString());
          const issuer: PeerCertificate | undefined =
            "issuerCertificate" in at ? (at.issuerCertificate as PeerCertificate) : undefined;
          at = issuer === at ? undefined : issuer;
        }
        socket.destroy();
        resolve(found);
      });
      socket.once("error", reject);
    });
  }

  ask(method: string, path: string, { host, headers = {}, body, address = "127.0.0.1" }: Asking = {}): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const name = host ?? `piccolo.local:${this.port}`;
    const servername = /^[\d.[]/.test(name) ? "" : name.replace(/:\d+$/, "");
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: address,
          port: this.port,
          method,
          path,
          servername,
          ca: this.trusted,
          agent: false,
          headers: { host: name, ...(text === undefined ? {} : { "content-type": "application/json" }), ...headers },
        },
        (incoming) => {
          let reply = "";
          incoming.on("data", (part: Buffer) => (reply += part.toString()));
          incoming.on("end", () =>
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text: reply }),
          );
        },
      );
      outgoing.on("error", reject);
      outgoing.end(text);
    });
  }

  get shown(): string {
    return readFileSync(this.screen, "utf8");
  }

  get claimCode(): string {
    return /Claim code: (\S{9})/.exec(this.shown)?.[1] ?? "";
  }

  claim(code: string, host = `piccolo.local:${this.port}`, origin = `https://${host}`): Promise<Answer> {
    const headers = { origin, "x-piccolo-csrf": "1" };
    return this.ask("POST", "/api/v1/claim", { host, headers, body: { claimCode: code, ownerName: "Ada", password } });
  }
}

test("a browser that has the device's authority trusts it by name and by address, and the screen shows which it is", async (context) => {
  const secure = await SecureDevice.start(context);
  assert.equal(secure.device.origin, `https://piccolo.local:${secure.port}`);
  for (const host of [`piccolo.local:${secure.port}`, `device1.local:${secure.port}`, `127.0.0.1:${secure.port}`]) {
    const { status, headers } = await secure.ask("GET", "/api/v1/status", { host });
    assert.equal(status, 200, host);
    assert.match(String(headers["strict-transport-security"]), /^max-age=\d+$/);
  }
  const [leaf, authority] = (await secure.chain()).map((text) => new X509Certificate(text));
  assert.ok(leaf !== undefined && authority !== undefined);
  assert.ok(leaf.verify(authority.publicKey) && authority.verify(authority.publicKey));
  assert.equal(leaf.ca, false);
  assert.equal(authority.ca, true);
  assert.ok(Date.parse(leaf.validTo) - Date.parse(leaf.validFrom) <= 398 * 86_400_000);
  assert.ok(secure.shown.includes(authority.fingerprint256), secure.shown);
});

test("any other name, and an address that is another machine's, is refused", async (context) => {
  const secure = await SecureDevice.start(context);
  for (const host of [
    "evil.example",
    "piccolo.local",
    `piccolo.local.evil.example:${secure.port}`,
    `127.0.0.2:${secure.port}`,
  ]) {
    const { status, text } = await secure.ask("GET", "/api/v1/status", { host, headers: {} }).catch((error: Error) => ({
      status: 421,
      text: String(error),
    }));
    assert.equal(status, 421, `${host} ${text}`);
  }
});

test("a change is taken from a page of the same name alone, with the code that the screen shows", async (context) => {
  const secure = await SecureDevice.start(context);
  rmSync(join(secure.device.folder, "claim-code"));
  await secure.device.stop();
  await secure.device.start();
  secure.trusted = (await secure.chain()).at(-1) ?? "";
  const code = secure.claimCode;
  assert.match(code, /^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
  const host = `piccolo.local:${secure.port}`;
  for (const origin of [`http://${host}`, `https://device1.local:${secure.port}`, "https://evil.example", "null"]) {
    assert.equal((await secure.claim(code, host, origin)).status, 403, origin);
  }
  assert.equal((await secure.claim("AAAA-AAAA")).status, 403);
  const claimed = await secure.claim(code.toLowerCase().replace("-", " "));
  assert.equal(claimed.status, 201, claimed.text);
  assert.match(
    String(claimed.headers["set-cookie"]),
    /^__Host-piccolo_device1=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Secure;/,
  );
  await secure.device.stop();
  writeFileSync(secure.screen, "");
  await secure.device.start();
  assert.equal(secure.claimCode, "", "a device with an owner shows none");
});

test("the authority of a device with an owner stays over starts, a lost volume and a changed password", async (context) => {
  const secure = await SecureDevice.start(context);
  assert.equal((await secure.claim(claimCode)).status, 201);
  const first = secure.trusted;
  const restarted = async (): Promise<string | undefined> => {
    await secure.device.stop();
    await secure.device.start();
    return (await secure.chain()).at(-1);
  };
  assert.equal(await restarted(), first);
  rmSync(join(secure.device.folder, "state/tls-authority"));
  assert.equal(await restarted(), first, "from the volume");
  rmSync(join(secure.device.folder, "state/volume"), { recursive: true });
  assert.equal(await restarted(), first, "from the chip, with the volume gone");
  writeFileSync(join(secure.device.folder, "state/tls-authority"), "damaged");
  assert.notEqual(await restarted(), first);
  assert.match(secure.shown, /volume/);
  assert.doesNotMatch(secure.shown, /ingerprint of its authority/, "what lies outside proves nothing");
});

test("a disk that fails while the authority is kept after a change of the password ends nothing", async (context) => {
  const secure = await SecureDevice.start(context);
  const disk = new FailingDisk(context);
  disk.failure = { call: "read", code: "EIO", below: join(contentFolder(secure.device.folder), "tls-authority") };
  assert.equal((await secure.claim(claimCode)).status, 201);
  assert.ok(disk.failed > 0);
  assert.equal((await secure.ask("GET", "/api/v1/status")).status, 200);
  assert.match(secure.device.logLines.join(""), /"event":"authority-not-kept"/);
});

test("the screen of a closed device that takes a phrase shows no fingerprint, and says when not to type it", async (context) => {
  const secure = await SecureDevice.start(context);
  assert.equal((await secure.claim(claimCode)).status, 201);
  assert.match(secure.shown, /Fingerprint of its authority/);
  await secure.device.stop();
  writeFileSync(join(secure.device.folder, "state/insecure-chip-seed"), new Uint8Array(32));
  await secure.device.start();
  assert.match(secure.shown, /Type password or phrase only if/);
  assert.doesNotMatch(secure.shown, /(?:[0-9A-F]{2}:){31}/);
});

test("the recovery sheet has the fingerprint of the volume's authority, under which connections are as soon as the volume is open", async (context) => {
  const secure = await SecureDevice.start(context);
  const claimed = await secure.claim(claimCode);
  const { phrase } = JSON.parse(claimed.text) as Claimed & { readonly phrase: NewPhrase };
  const printed = async ({ text, headers }: Answer): Promise<string | undefined> => {
    const cookie = String(headers["set-cookie"]).split(";")[0] ?? "";
    const { csrf } = JSON.parse(text) as { readonly csrf: string };
    const asked = { headers: { cookie, "x-piccolo-csrf": csrf } };
    const sheet = await secure.ask("GET", "/api/v1/security/recovery-sheet", asked);
    return (JSON.parse(sheet.text) as RecoverySheet).authorityFingerprint;
  };
  const own = new X509Certificate(secure.trusted).fingerprint256;
  assert.equal(await printed(claimed), own);
  assert.ok(secure.shown.includes(own));

  await secure.device.stop();
  writeFileSync(join(secure.device.folder, "state/insecure-chip-seed"), new Uint8Array(32));
  await secure.device.start();
  secure.trusted = (await secure.chain()).at(-1) ?? "";
  assert.notEqual(new X509Certificate(secure.trusted).fingerprint256, own, "the chip opens no authority any more");
  const opened = await secure.ask("POST", "/api/v1/open-volume", {
    headers: { origin: secure.device.origin, "x-piccolo-csrf": "1" },
    body: { phrase: phrase.words.join(" "), newPassword: password },
  });
  assert.equal(opened.status, 201, opened.text);
  secure.trusted = (await secure.chain()).at(-1) ?? "";
  assert.equal(new X509Certificate(secure.trusted).fingerprint256, own);
  assert.equal(await printed(opened), own);
});

test("a reset device has another authority, at once, on the screen, on its volume and beside it", async (context) => {
  const secure = await SecureDevice.start(context);
  const claimed = await secure.claim(claimCode);
  const { csrf } = JSON.parse(claimed.text) as { readonly csrf: string };
  const kept = (folder: string): string => readFileSync(join(folder, "tls-authority"), "utf8");
  const content = contentFolder(secure.device.folder);
  const state = join(secure.device.folder, "state");
  const [inside, outside] = [kept(content), kept(state)];
  const host = `piccolo.local:${secure.port}`;
  const cookie = String(claimed.headers["set-cookie"]).split(";")[0] ?? "";
  const headers = { origin: `https://${host}`, "x-piccolo-csrf": csrf, cookie };
  const body = { confirmation: "device1", password };
  assert.equal((await secure.ask("POST", "/api/v1/factory-reset", { headers, body })).status, 204);
  const before = secure.trusted;
  while (secure.trusted === before) secure.trusted = (await secure.chain()).at(-1) ?? "";
  const phase = async (): Promise<string> => {
    const { text } = await secure.ask("GET", "/api/v1/status");
    return (JSON.parse(text) as { readonly phase: string }).phase;
  };
  while ((await phase()) !== "unclaimed") await new Promise((resolve) => setTimeout(resolve, 20));
  const { fingerprint256 } = new X509Certificate(secure.trusted);
  while (!secure.shown.includes(fingerprint256)) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.notEqual(kept(content), inside);
  assert.notEqual(kept(state), outside);
  const { certificate } = JSON.parse(kept(content)) as { readonly certificate: string };
  assert.equal(new X509Certificate(Buffer.from(certificate, "base64url")).fingerprint256, fingerprint256);
});

test("plain HTTP says where to go and nothing else", async (context) => {
  const secure = await SecureDevice.start(context, "--redirect", "127.0.0.77:18080");
  const ask = (
    host: string,
    method = "GET",
  ): Promise<{ readonly status: number; readonly location: string | undefined }> =>
    new Promise((resolve, reject) => {
      const outgoing = get(
        { host: "127.0.0.77", port: 18_080, path: "/files?x=1", method, headers: { host } },
        (incoming) => {
          incoming.resume();
          resolve({ status: incoming.statusCode ?? 0, location: incoming.headers.location });
        },
      );
      outgoing.once("error", reject);
    });
  assert.deepEqual(await ask("piccolo.local"), {
    status: 307,
    location: `https://piccolo.local:${secure.port}/files?x=1`,
  });
  assert.deepEqual(await ask("device1.local:18080"), {
    status: 307,
    location: `https://device1.local:${secure.port}/files?x=1`,
  });
  assert.deepEqual(await ask("127.0.0.77"), { status: 307, location: `https://127.0.0.77:${secure.port}/files?x=1` });
  assert.deepEqual(await ask("evil.example"), { status: 421, location: undefined });
  assert.deepEqual(await ask("piccolo.local", "POST"), { status: 421, location: undefined });
});
