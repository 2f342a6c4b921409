/** A registry of this machine's own: Debian's, with a way in that can lie, break off and die. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { BuiltImage } from "@piccolo/oci-image";

const program = "/usr/bin/docker-registry";
const startTries = 500;

/** What happens to an answer; each says for itself how long it lasts. */
export interface Mischief {
  /** Of what is asked for: a path below `/v2/`. */
  readonly at: RegExp;
  /** After so many bytes of the body the connection breaks. */
  readonly cutAfterBytes?: number;
  /** The answer is this one instead (OCI distribution specification, section "Error Codes"). */
  readonly refuse?: { readonly status: number; readonly code: string; readonly message: string };
  /** One bit of the body is another one. */
  readonly spoil?: boolean;
  /** Waits before each part of the body. */
  readonly slowMs?: number;
  /** How often it happens; without it every time. */
  times?: number;
}

export interface Asked {
  readonly path: string;
  readonly range: string | undefined;
}

export class TestRegistry {
  readonly #folder: string;
  readonly #port: number;
  readonly #wayIn: Server;
  #child: ChildProcess | undefined;
  mischief: Mischief | undefined;
  readonly asked: Asked[] = [];

  /** `port` is the registry's own, the next one the way in that Podman is given; `tls`: it speaks TLS alone. */
  constructor(folder: string, port: number, tls?: Pick<ServerOptions, "key" | "cert">) {
    this.#folder = folder;
    this.#port = port;
    const pass = (req: IncomingMessage, res: ServerResponse): void => this.#pass(req, res);
    this.#wayIn = tls === undefined ? createServer(pass) : createSecureServer(tls, pass);
  }

  get place(): string {
    return `127.0.0.1:${this.#port + 1}`;
  }

  async open(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    this.#wayIn.listen(this.#port + 1, "127.0.0.1");
    await once(this.#wayIn, "listening");
    await this.start();
  }

  async start(): Promise<void> {
    const config = join(this.#folder, "config.yml");
    const lines = [
      "version: 0.1",
      "log: { level: error, accesslog: { disabled: true } }",
      `storage: { filesystem: { rootdirectory: ${JSON.stringify(join(this.#folder, "content"))} } }`,
      `http: { addr: "127.0.0.1:${this.#port}" }`,
    ];
    writeFileSync(config, `${lines.join("\n")}\n`);
    const child = spawn(program, ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    let said = "";
    child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
    child.on("error", (error) => (said += error.message));
    for (let attempt = 0; attempt < startTries; attempt++) {
      const { status } = await this.#send("GET", "/v2/").catch(() => ({ status: 0 }));
      if (status === 200) return;
      if (child.exitCode !== null) break;
      await delay(20);
    }
    throw new Error(`the registry does not answer: ${said}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async close(): Promise<void> {
    await this.kill();
    this.#wayIn.closeAllConnections();
    this.#wayIn.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Puts an image there, part by part (OCI distribution specification, section "Push"). */
  async push(repository: string, image: BuiltImage): Promise<void> {
    for (const [digest, bytes] of image.blobs) {
      if (digest === image.digest) continue;
      const started = await this.#send("POST", `/v2/${repository}/blobs/uploads/`);
      const { location = "" } = started.headers;
      const { pathname, search } = new URL(location, `http://127.0.0.1:${this.#port}`);
      const query = `${search === "" ? "?" : `${search}&`}digest=${encodeURIComponent(digest)}`;
      const { status } = await this.#send("PUT", `${pathname}${query}`, bytes, "application/octet-stream");
      if (status !== 201) throw new Error(`a part of the image was answered with ${status}`);
    }
    await this.putManifest(repository, image.digest, image.manifest);
  }

  async putManifest(
    repository: string,
    reference: string,
    manifest: Uint8Array,
    type = "application/vnd.oci.image.manifest.v1+json",
  ): Promise<void> {
    const { status } = await this.#send("PUT", `/v2/${repository}/manifests/${reference}`, manifest, type);
    if (status !== 201) throw new Error(`the manifest was answered with ${status}`);
  }

  async #send(
    method: string,
    path: string,
    body?: Uint8Array,
    type?: string,
  ): Promise<{ status: number; headers: IncomingMessage["headers"] }> {
    const headers = { ...(type === undefined ? {} : { "content-type": type }), "content-length": body?.length ?? 0 };
    const outgoing = request({ host: "127.0.0.1", port: this.#port, method, path, headers, agent: false });
    outgoing.end(body);
    const [reply] = (await once(outgoing, "response")) as [IncomingMessage];
    reply.resume();
    await once(reply, "end");
    return { status: reply.statusCode ?? 0, headers: reply.headers };
  }

  #pass(req: IncomingMessage, res: ServerResponse): void {
    const path = (req.url ?? "/").replace(/^\/v2\//, "");
    this.asked.push({ path, range: req.headers.range });
    const { mischief } = this;
    if (mischief?.refuse !== undefined && mischief.at.test(path)) {
      const { status, code, message } = mischief.refuse;
      // Without the last one who asks waits minutes before it asks again, and again, before it says so.
      res.writeHead(status, { "content-type": "application/json", "retry-after": "0" });
      res.end(JSON.stringify({ errors: [{ code, message }] }));
      return;
    }
    const outgoing = request({
      host: "127.0.0.1",
      port: this.#port,
      method: req.method,
      path: req.url,
      headers: req.headers,
      agent: false,
    });
    outgoing.on("response", (reply) => {
      res.writeHead(reply.statusCode ?? 502, reply.headers);
      void this.#answer(path, reply, res).catch(() => res.destroy());
    });
    outgoing.on("error", () => res.destroy());
    req.pipe(outgoing);
  }

  async #answer(path: string, reply: IncomingMessage, res: ServerResponse): Promise<void> {
    const { mischief } = this;
    const isMeant = mischief !== undefined && mischief.at.test(path) && (mischief.times ?? 1) > 0;
    if (isMeant && mischief.times !== undefined) mischief.times--;
    let sent = 0;
    for await (const part of reply) {
      let bytes = Buffer.from(part as Buffer);
      if (isMeant && mischief.spoil === true) bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      const cutAt = isMeant ? (mischief.cutAfterBytes ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
      if (sent + bytes.length > cutAt) {
        bytes = bytes.subarray(0, cutAt - sent);
        res.write(bytes, () => res.socket?.destroySoon());
        reply.destroy();
        return;
      }
      sent += bytes.length;
      if (isMeant && mischief.slowMs !== undefined) await delay(mischief.slowMs);
      if (!res.write(bytes)) await once(res, "drain");
    }
    res.end();
  }
}
