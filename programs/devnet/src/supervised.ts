/** One child process of the development network: started, watched, logged to a file, stopped. */
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";

export interface ProgramCommand {
  readonly executable: string;
  readonly args: readonly string[];
}

/** What a program prints as JSON behind the word `listening` once it answers. */
export type Listening = Readonly<Record<string, unknown>>;

const startTimeoutMs = 60_000;
const stopGraceMs = 15_000;

/** A process a program cannot do without: started before it, ended after it. */
export interface Beside {
  readonly pid: number | undefined;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export class Supervised {
  readonly name: string;
  readonly logFile: string;
  readonly #command: ProgramCommand;
  readonly #beside: Beside | undefined;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #expectedToEnd = false;
  #endedBy: NodeJS.Signals | undefined;
  /** Called when the process ends without having been asked to. */
  onUnexpectedEnd: (reason: string) => void = () => undefined;

  constructor(name: string, command: ProgramCommand, logFile: string, beside?: Beside) {
    this.#beside = beside;
    this.name = name;
    this.logFile = logFile;
    this.#command = command;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when the program has printed that it listens; rejects, with its last words, when it ends before. */
  async start(): Promise<Listening> {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`);
    mkdirSync(dirname(this.logFile), { recursive: true });
    await this.#beside?.start();
    const log = createWriteStream(this.logFile, { flags: "a", mode: 0o600 });
    const child = spawn(this.#command.executable, this.#command.args, {
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that Ctrl-C in the terminal reaches only this program, which then stops all in order.
      detached: true,
    });
    this.#child = child;
    this.#expectedToEnd = false;
    this.#endedBy = undefined;
    const lastWords: string[] = [];
    const remember = (line: string): void => {
      lastWords.push(line);
      if (lastWords.length > 20) lastWords.shift();
    };
    this.#ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        void (async (): Promise<void> => {
          await this.#beside?.stop();
          this.#child = undefined;
          this.#endedBy = signal ?? undefined;
          log.end();
          resolve();
          if (!this.#expectedToEnd) this.onUnexpectedEnd(signal === null ? `exit code ${code}` : signal);
        })();
      });
    });
    child.stderr.on("data", (bytes: Buffer) => log.write(bytes));
    createInterface({ input: child.stderr }).on("line", remember);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${this.name} did not say that it listens within ${startTimeoutMs / 1000} s`));
      }, startTimeoutMs);
      child.once("error", (error) => {
        clearTimeout(timer);
        this.#child = undefined;
        reject(error);
      });
      void this.#ended.then(() => {
        clearTimeout(timer);
        reject(new Error(`${this.name} ended before it listened:\n${lastWords.join("\n")}\n(log: ${this.logFile})`));
      });
      createInterface({ input: child.stdout }).on("line", (line) => {
        log.write(`${line}\n`);
        remember(line);
        if (!line.startsWith("listening ")) return;
        clearTimeout(timer);
        resolve(JSON.parse(line.slice("listening ".length)) as Listening);
      });
    });
  }

  /** Asks the process to end, and ends it when it does not within the grace. Resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#expectedToEnd = true;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopGraceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Ends the process as a power cut would: at once, with nothing tidied up. */
  async kill(): Promise<void> {
    this.#expectedToEnd = true;
    this.#child?.kill("SIGKILL");
    await this.#ended;
  }

  /** Resolves when the process ends by itself, as one with a crash point does. */
  async ended(): Promise<void> {
    this.#expectedToEnd = true;
    await this.#ended;
  }

  /** The signal that ended the process: SIGKILL at a crash point. Undefined while it runs, and where it ended by itself. */
  get endedBy(): NodeJS.Signals | undefined {
    return this.#endedBy;
  }

  /**
   * Whether the process is killed within so long, as at a crash point. Who talks with it may notice the broken
   * connection well before the end of the process is known.
   */
  async killedWithin(limitMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
    await Promise.race([this.ended(), limit]);
    clearTimeout(timer);
    return !this.running && this.#endedBy === "SIGKILL";
  }
}
