/** What every drill is made of: steps that are printed, checks and faults that are counted, and a seeded choice. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SeededWorld } from "@piccolo/world";
import { runOnOwnMachine } from "../apps/own-machine.ts";
import { DeviceProblem, Network, type NetworkOptions, type Protection } from "@piccolo/devnet";

/** All that protects a disk, with passwords that cost next to nothing. */
export const protectedCheaply: Protection = { tpm: true, volume: true, cheapSlots: true };

/**
 * Far from the ports of a development network that may be running beside the drill, and those of a drill beside it, also
 * of the test runner's other worker: a device that is down must find its port free when it comes back.
 */
const firstPort = 20_000 + ((process.pid % 100) * 2 + (Number(process.env.NODE_TEST_WORKER_ID ?? 0) % 2)) * 60;

const mostErrors = 5;
const mostErrorCharacters = 2_000;

export interface DrillOptions {
  readonly seed: number;
  /** A smaller amount of the same, for the test run. */
  readonly small: boolean;
  /** Leaves out the healing step: the drill must then fail, which shows that its checks can. */
  readonly sabotage: boolean;
  readonly say: (line: string) => void;
}

export interface Drill {
  readonly name: string;
  readonly summary: string;
  /** With mounts, a network and processes of its own, where it may do what would change the machine. */
  readonly onOwnMachine?: true;
  run(context: DrillContext): Promise<void>;
}

export class DrillContext {
  readonly options: DrillOptions;
  readonly folder: string;
  checks = 0;
  faults = 0;
  /** What else a drill counts, by its name in the last line. */
  readonly #tallies = new Map<string, number>();
  readonly #notes = new Map<string, string>();
  readonly #random: SeededWorld;
  readonly #startedMs = Date.now();
  readonly #networks: Network[] = [];
  readonly #atEnd: (() => void)[] = [];

  constructor(options: DrillOptions) {
    this.options = options;
    this.folder = mkdtempSync(join(tmpdir(), "piccolo-drill-"));
    this.#random = new SeededWorld(`drill:${options.seed}`);
  }

  step(text: string): void {
    const seconds = ((Date.now() - this.#startedMs) / 1000).toFixed(1).padStart(6);
    this.options.say(`${seconds} s  ${text}`);
  }

  check(what: string, condition: boolean): void {
    this.checks++;
    assert.ok(condition, what);
  }

  equal(what: string, actual: unknown, expected: unknown): void {
    this.checks++;
    assert.deepEqual(actual, expected, `${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  }

  /** Asks again and again until the answer is yes; that it came in time is one check. */
  async eventually(what: string, ask: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
    this.checks++;
    const endMs = Date.now() + limitMs;
    while (!(await ask())) {
      assert.ok(Date.now() < endMs, `${what}: not within ${limitMs / 1000} s`);
      await delay(150);
    }
  }

  /** Checks that what is asked for is refused under this code. */
  async refused(what: string, code: string, work: () => Promise<unknown>): Promise<void> {
    const answer = await work().then(
      () => "no refusal",
      (error: unknown) => (error instanceof DeviceProblem ? error.problem.code : String(error)),
    );
    this.equal(what, answer, code);
  }

  /** Counts a fault that has been put in, and says which. */
  fault(text: string): void {
    this.faults++;
    this.step(`fault: ${text}`);
  }

  /** Counts what is no fault and no check, and is to be seen in the last line; none is seen, too, once it was named. */
  tally(name: string, more = 1): void {
    this.#tallies.set(name, (this.#tallies.get(name) ?? 0) + more);
  }

  /** What is to be seen in the last line beside numbers; said again, it takes the place of what was said. */
  note(name: string, text: string): void {
    this.#notes.set(name, text);
  }

  get tallies(): string {
    return [...this.#tallies, ...this.#notes].map(([name, value]) => ` ${name}=${value}`).join("");
  }

  /** A whole number from 0 to below `bound`, by the seed. */
  below(bound: number): number {
    const bytes = this.#random.randomBytes(4);
    return new DataView(bytes.buffer).getUint32(0) % bound;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    assert.ok(item !== undefined, "there is nothing to pick from");
    return item;
  }

  /** `count` different items, by the seed. */
  sample<T>(items: readonly T[], count: number): T[] {
    const rest = [...items];
    return Array.from({ length: Math.min(count, rest.length) }, () => {
      const [item] = rest.splice(this.below(rest.length), 1);
      assert.ok(item !== undefined);
      return item;
    });
  }

  /**
   * A private network whose every owner is set up and a member; a single device is in none. It is stopped when the
   * drill ends.
   */
  async network(
    options: Pick<NetworkOptions, "deviceArgs" | "protection"> & { readonly devices?: number } = {},
  ): Promise<Network> {
    const network = await Network.open({
      folder: join(this.folder, `network${this.#networks.length}`),
      devices: options.devices ?? 10,
      centralPort: firstPort,
      devicePort: firstPort + 1,
      peerPort: firstPort + 31,
      ...(options.deviceArgs === undefined ? {} : { deviceArgs: options.deviceArgs }),
      ...(options.protection === undefined ? {} : { protection: options.protection }),
    });
    this.#networks.push(network);
    if (options.devices === 1) {
      await network.start();
      await network.claim(network.device(1));
      this.step("one device has an owner, and is in no network");
      return network;
    }
    await network.startWhole();
    const members = network.devices.length;
    this.step(`${members} devices are members of one network (${members - 1} keep the first one's files)`);
    return network;
  }

  /** Done when all networks have stopped, however the drill ends. */
  atEnd(work: () => void): void {
    this.#atEnd.push(work);
  }

  /** The last errors that devices of the drill's networks have logged. */
  errors(): readonly string[] {
    return this.#networks
      .flatMap((network) => network.devices.map((device) => device.process.logFile))
      .flatMap((logFile) => (existsSync(logFile) ? readFileSync(logFile, "utf8").split("\n") : []))
      .filter((line) => line.includes('"level":"error"'))
      .slice(-mostErrors)
      .map((line) => line.slice(0, mostErrorCharacters));
  }

  async close(): Promise<void> {
    for (const network of this.#networks) await network.stop();
    for (const work of this.#atEnd) work();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** `broken`: something else went wrong than what the drill checks. */
export type Outcome = "passed" | "failed" | "broken";

/** Exit codes of a drill by itself; 1 is also what whatever else goes wrong ends with. */
export const exitCodes: Readonly<Record<Outcome, number>> = { passed: 0, broken: 1, failed: 3 };

/** Runs one drill and prints its last line. */
export function runDrill(drill: Drill, options: DrillOptions): Promise<Outcome> {
  return drill.onOwnMachine === true ? runElsewhere(drill, options) : runHere(drill, options);
}

async function runElsewhere(drill: Drill, { seed, small, sabotage, say }: DrillOptions): Promise<Outcome> {
  const flags = [...(small ? ["--small"] : []), ...(sabotage ? ["--sabotage"] : [])];
  const main = join(import.meta.dirname, "main.ts");
  const { code } = await runOnOwnMachine(main, [drill.name, "--here", "--seed", String(seed), ...flags], say);
  return code === exitCodes.passed ? "passed" : code === exitCodes.failed ? "failed" : "broken";
}

/** In this very process, whatever machine it is on. */
export async function runHere(drill: Drill, options: DrillOptions): Promise<Outcome> {
  const context = new DrillContext(options);
  const counts = (): string =>
    `seed=${options.seed} checks=${context.checks} faults=${context.faults}${context.tallies} drill=${drill.name}` +
    `${options.small ? " small" : ""}${options.sabotage ? " sabotage" : ""}`;
  try {
    await drill.run(context);
    assert.ok(context.checks > 0, "the drill checked nothing");
    assert.ok(context.faults > 0, "the drill put no fault in");
    await context.close();
    options.say(`passed ${counts()}`);
    return "passed";
  } catch (error) {
    for (const line of context.errors()) options.say(line);
    await context.close().catch((closing: unknown) => options.say(`could not tidy up: ${String(closing)}`));
    const reason = error instanceof Error ? error.message : String(error);
    const isCheck = error instanceof assert.AssertionError && context.checks > 0;
    if (!isCheck) options.say(error instanceof Error ? (error.stack ?? reason) : reason);
    options.say(`failed ${counts()} reason=${JSON.stringify(reason.split("\n").slice(0, 3).join(" "))}`);
    return isCheck ? "failed" : "broken";
  }
}
