/** A real device on a free port, with an engine in memory, and a client that is signed in. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Problem, Session } from "@piccolo/device-api";
import type { World } from "@piccolo/world";
import { realWorld } from "@piccolo/world/real";
import { createLog } from "../src/adapters/log.ts";
import { type Config, readConfig } from "../src/config.ts";
import { type ContextParts, openPiccolod, type Piccolod } from "../src/context.ts";
import type { Device } from "../src/device-parts.ts";
import { createNoNetwork } from "./no-network.ts";
import type { NetworkFeature } from "../src/network/types.ts";
import { EngineControl, MemoryEngine } from "./memory-engine.ts";

export const claimCode = "4f1c-77a0";
export const password = "correct horse battery";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
}

export interface RequestInit {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Breaks the connection after the body without ending the request. */
  readonly breakOff?: boolean;
}

/** One request as it is, without anything added but the Host. */
export function ask(origin: string, method: string, path: string, init: RequestInit = {}): Promise<Reply> {
  const { port, host } = new URL(origin);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: "127.0.0.1", port, method, path, agent: false, headers: { host, ...init.headers } },
      (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const bytes = Buffer.concat(parts);
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, bytes, text: bytes.toString() });
        });
      },
    );
    outgoing.on("error", reject);
    if (init.breakOff === true) {
      outgoing.write(init.body ?? "", () => setTimeout(() => outgoing.destroy(new Error("broken off")), 50));
    } else {
      outgoing.end(init.body);
    }
  });
}

export function problemOf(reply: Reply): Problem {
  assert.equal(reply.headers["content-type"], "application/problem+json", reply.text);
  return JSON.parse(reply.text) as Problem;
}

/** Asserts the refusal's code and status. */
export function refusedWith(reply: Reply, status: number, code: string): Problem {
  const problem = problemOf(reply);
  assert.deepEqual({ status: reply.status, code: problem.code }, { status, code }, reply.text);
  return problem;
}

export class Client {
  readonly origin: string;
  cookie = "";
  csrf = "";

  constructor(origin: string) {
    this.origin = origin;
  }

  async claim(): Promise<void> {
    await this.#open("/claim", { claimCode, ownerName: "Ada", password });
  }

  async signIn(given = password): Promise<void> {
    await this.#open("/session", { password: given });
  }

  async #open(path: string, body: unknown): Promise<void> {
    const reply = await this.send("POST", path, body);
    assert.equal(reply.status, 201, reply.text);
    this.cookie = String(reply.headers["set-cookie"]).split(";")[0] ?? "";
    this.csrf = (JSON.parse(reply.text) as Session).csrf;
  }

  /** A request below /api/v1 with all that a signed-in page sends. */
  raw(method: string, path: string, init: RequestInit = {}): Promise<Reply> {
    return ask(this.origin, method, `/api/v1${path}`, {
      ...init,
      headers: {
        ...(this.cookie === "" ? {} : { cookie: this.cookie }),
        ...(method === "GET" || method === "HEAD" ? {} : { origin: this.origin, "x-piccolo-csrf": this.csrf }),
        ...init.headers,
      },
    });
  }

  send(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    if (body === undefined) return this.raw(method, path, { headers });
    return this.raw(method, path, {
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  }

  /** The JSON of a success. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.send(method, path, body);
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`);
    return (reply.text === "" ? undefined : JSON.parse(reply.text)) as T;
  }
}

/** The real clock, moved by what a test adds. */
export class MovedWorld implements World {
  aheadMs = 0;
  /** Of the wall clock alone, as when it is wrong or somebody sets it. */
  wallAheadMs = 0;
  nowMs(): number {
    return realWorld.nowMs() + this.aheadMs + this.wallAheadMs;
  }
  monotonicMs(): number {
    return realWorld.monotonicMs() + this.aheadMs;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return realWorld.sleep(ms, signal);
  }
  randomBytes(length: number): Uint8Array<ArrayBuffer> {
    return realWorld.randomBytes(length);
  }
}

/** What most tests need neither chip nor volume for, nor the second that each password takes. */
export const withoutProtection = ["--insecure-no-tpm", "--insecure-no-volume", "--insecure-cheap-slots"];

/** Where such a device keeps what lies on its volume. */
export const contentFolder = (folder: string): string => join(folder, "state/volume/plain/content");

/** The arguments of a device alone in the world, with its state and its claim code below the folder. */
export function deviceArgs(folder: string, ...more: readonly string[]): string[] {
  return protectedDeviceArgs(folder, ...withoutProtection, ...more);
}

/** The same with chip and volume. */
export function protectedDeviceArgs(folder: string, ...more: readonly string[]): string[] {
  const args = {
    state: join(folder, "state"),
    listen: "127.0.0.1:0",
    host: "device1.localhost",
    "peer-listen": "/ip4/127.0.0.1/tcp/0",
    central: "http://127.0.0.1:1",
    "device-name": "device1",
    domain: "household-1",
    "claim-code-file": join(folder, "claim-code"),
  };
  return [...Object.entries(args).flatMap(([name, value]) => [`--${name}`, value]), ...more];
}

export interface DeviceParts {
  readonly args?: readonly string[];
  /** Instead of running without protection. */
  readonly protection?: readonly string[];
  readonly createNetwork?: () => NetworkFeature;
  /** Where all of it lies, instead of a folder of its own. */
  readonly folder?: string;
  /** Instead of the engine in memory. */
  readonly createEngine?: NonNullable<ContextParts["createEngine"]>;
  /** How the machine was started, and what lies beside its boot images. */
  readonly machine?: Pick<ContextParts, "bootState" | "secureBoot" | "releases" | "standInFolder">;
}

export class TestDevice {
  readonly folder: string;
  readonly world = new MovedWorld();
  readonly control = new EngineControl();
  readonly logLines: string[] = [];
  readonly crashPoints: string[] = [];
  /** Called at each crash point. */
  atCrashPoint: (name: string) => void = () => undefined;
  #parts: DeviceParts;
  #running: Piccolod | undefined;

  private constructor(folder: string, parts: DeviceParts) {
    this.folder = folder;
    this.#parts = parts;
  }

  static async start(context: TestContext, parts: DeviceParts = {}): Promise<TestDevice> {
    const folder = parts.folder ?? mkdtempSync(join(tmpdir(), "piccolod-"));
    const device = new TestDevice(folder, parts);
    context.after(async () => {
      await device.stop();
      if (parts.folder === undefined) rmSync(folder, { recursive: true });
    });
    writeFileSync(join(folder, "claim-code"), `${claimCode}\n`);
    await device.start();
    return device;
  }

  get config(): Config {
    const { args = [], protection = withoutProtection } = this.#parts;
    return readConfig(protectedDeviceArgs(this.folder, ...protection, ...args));
  }

  async start(): Promise<void> {
    this.#running = await openPiccolod(this.config, {
      world: this.world,
      log: createLog(
        (line) => this.logLines.push(line),
        () => this.world.nowMs(),
      ),
      crashPoint: (name) => {
        this.crashPoints.push(name);
        this.atCrashPoint(name);
      },
      createEngine: this.#parts.createEngine ?? (async (options) => new MemoryEngine(options, this.control)),
      createNetwork: this.#parts.createNetwork ?? createNoNetwork,
      ...this.#parts.machine,
    });
  }

  /** As the restart of a machine whose chip or flags are others now. */
  async restartWith(protection: readonly string[]): Promise<void> {
    await this.stop();
    this.#parts = { ...this.#parts, protection };
    await this.start();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.close();
  }

  get origin(): string {
    assert.ok(this.#running !== undefined);
    return this.#running.origin;
  }

  /** What stands behind the interface: for what has no route. */
  get inside(): Device {
    const device = this.#running?.device;
    assert.ok(device !== undefined);
    return device;
  }

  client(): Client {
    return new Client(this.origin);
  }

  /** A claimed device's owner. */
  async owner(): Promise<Client> {
    const client = this.client();
    await client.claim();
    return client;
  }
}
