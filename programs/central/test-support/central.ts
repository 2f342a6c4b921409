/** Central in this process, on a free loopback port, with a database in a folder of its own and a clock of the test's. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededWorld } from "@piccolo/world";
import type { CentralConfig } from "../src/config.ts";
import { type Central, openCentral } from "../src/context.ts";
import { type Limits, productionLimits } from "../src/limits.ts";
import { Owner } from "./owners.ts";

export class CentralUnderTest {
  readonly folder: string;
  readonly world: SeededWorld;
  /** What central logged. */
  readonly lines: string[] = [];
  readonly #limits: Limits;
  readonly #role: CentralConfig["role"];
  readonly #trustedProxy: string | undefined;
  #central: Central | undefined;
  #port = 0;

  constructor(
    seed: string,
    given: {
      readonly limits?: Partial<Limits>;
      readonly role?: CentralConfig["role"];
      readonly trustedProxy?: string | undefined;
    } = {},
  ) {
    this.folder = mkdtempSync(join(tmpdir(), "piccolo-central-"));
    this.world = new SeededWorld(seed);
    this.#limits = { ...productionLimits, ...given.limits };
    this.#role = given.role ?? "api";
    this.#trustedProxy = given.trustedProxy;
  }

  get origin(): string {
    return this.#central?.origin ?? "";
  }

  get relay(): readonly string[] {
    return this.#central?.relay ?? [];
  }

  /** The second start finds the port of the first. */
  async start(): Promise<this> {
    this.#central = await openCentral(
      {
        stateFolder: this.folder,
        host: "127.0.0.1",
        port: this.#port,
        role: this.#role,
        relayListen: "/ip4/127.0.0.1/tcp/0",
        trustedProxy: this.#trustedProxy,
      },
      {
        world: this.world,
        limits: this.#limits,
        log: {
          info: (text) => this.lines.push(text),
          error: (text, error) => this.lines.push(`${text}: ${error instanceof Error ? (error.stack ?? "") : ""}`),
        },
      },
    );
    this.#port = Number(new URL(this.origin).port);
    return this;
  }

  async stop(): Promise<void> {
    await this.#central?.close();
    this.#central = undefined;
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  owner(name: string): Owner {
    return new Owner(this.world, this.origin, name);
  }

  owners(...names: readonly string[]): readonly Owner[] {
    return names.map((name) => this.owner(name));
  }
}
