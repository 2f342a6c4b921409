import { spawn } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { toHex } from "@piccolo/bytes";
import { type Volume, volumeFaults, type VolumeState } from "../../security/volume.ts";
import { deriveFromVolumeKey, fsyncPath, isLink, verifyKeyCheck, writeKeyCheck } from "./key-check.ts";
import { answers, mountsOn, serversOf } from "./mounts.ts";

/** The system's own programs only, whatever the environment says. */
const programFolders = ["/usr/local/bin", "/usr/bin", "/bin"];
const program = "gocryptfs";
const unmounter = "fusermount3";
const configName = "gocryptfs.conf";
/** Exit codes of gocryptfs (internal/exitcodes/exitcodes.go). */
const exitPassword = 12;
const startMs = 30_000;
const unmountTries = 20;
const unmountPauseMs = 100;

function isInPath(name: string): boolean {
  return programFolders.some((folder) => existsSync(join(folder, name)));
}

/** What this machine lacks for such a volume, in words; undefined when it has all. */
export function whatGocryptfsLacks(): string | undefined {
  for (const name of [program, unmounter]) if (!isInPath(name)) return `the program ${name}`;
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return "access to /dev/fuse";
  }
}

/**
 * A folder of encrypted files, mounted by gocryptfs. Its server is a process of its own that outlives a crash of
 * piccolod, so that the next start finds the volume open, even though the chip gives its key once a boot.
 */
export class GocryptfsVolume implements Volume {
  readonly backend = "gocryptfs";
  readonly path: string;
  readonly #folder: string;
  readonly #whole: string;

  /** `folder` exists and is the volume's alone. */
  constructor(folder: string) {
    this.#folder = realpathSync(folder);
    this.#whole = join(this.#folder, "sealed");
    this.path = join(this.#folder, "mount");
  }

  get #cipher(): string {
    return join(this.#whole, "cipher");
  }

  get #check(): string {
    return join(this.#whole, "key-check");
  }

  async state(): Promise<VolumeState> {
    if ([this.#whole, this.path, this.#cipher].some(isLink)) return "damaged";
    if (!existsSync(this.#whole)) return "absent";
    const mounts = mountsOn(this.path);
    if (mounts.length > 0) {
      const isOurs = mounts.length === 1 && mounts[0]?.source === this.#cipher;
      return isOurs && (await answers(this.path)) ? "open" : "stale";
    }
    return existsSync(this.#check) && existsSync(join(this.#cipher, configName)) ? "closed" : "damaged";
  }

  async create(key: Uint8Array): Promise<void> {
    if ((await this.state()) !== "absent") throw volumeFaults.fault("volume-busy", "there is a volume already");
    await this.#cleanMounts();
    const next = `${this.#whole}.new`;
    rmSync(next, { recursive: true, force: true });
    const cipher = join(next, "cipher");
    mkdirSync(cipher, { recursive: true, mode: 0o700 });
    // The password is 256 random bits, so guessing is out of the question and stretching it would only cost time.
    await this.#run(["-init", "-q", "-scryptn", "10", "--", cipher], key);
    writeKeyCheck(join(next, "key-check"), key, readFileSync(join(cipher, configName)));
    for (const path of [join(cipher, configName), cipher, next]) fsyncPath(path);
    renameSync(next, this.#whole);
    fsyncPath(this.#folder);
    await this.#mount(key);
  }

  async open(key: Uint8Array): Promise<void> {
    const state = await this.state();
    if (state === "absent") throw volumeFaults.fault("volume-missing", `the volume in ${this.#folder} is gone`);
    if (state === "stale") await this.#cleanMounts();
    if (state === "damaged") throw damaged(this.#folder);
    const config = join(this.#cipher, configName);
    if (!existsSync(config)) throw damaged(this.#folder);
    verifyKeyCheck(this.#check, key, readFileSync(config));
    if (state !== "open") await this.#mount(key);
  }

  async close(): Promise<void> {
    if (mountsOn(this.path).length === 0) return;
    if (!(await answers(this.path))) {
      await this.#cleanMounts();
      return;
    }
    // Whatever still has a file open, a child that is ending for example, gets a moment to let go.
    for (let attempt = 1; ; attempt++) {
      if ((await this.#unmount("-u")) || mountsOn(this.path).length === 0) break;
      if (attempt === unmountTries) throw volumeFaults.fault("volume-busy", `files in ${this.path} are still in use`);
      await delay(unmountPauseMs);
    }
    await this.#serversGone();
  }

  async destroy(): Promise<void> {
    await this.#cleanMounts();
    rmSync(this.#whole, { recursive: true, force: true });
    rmSync(`${this.#whole}.new`, { recursive: true, force: true });
  }

  async #mount(key: Uint8Array): Promise<void> {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    // Another server still at this folder, such as one whose mount was taken away, would write beside ours.
    this.#endServers();
    await this.#run(["-q", "-nosyslog", "--", this.#cipher, this.path], key);
    if ((await this.state()) !== "open") {
      await this.#cleanMounts();
      throw volumeFaults.fault("volume-unavailable", "gocryptfs mounted the volume, and it does not answer");
    }
    chmodSync(this.path, 0o700);
  }

  /** Takes away every mount on the path, whoever serves it, at once. */
  async #cleanMounts(): Promise<void> {
    for (let left = mountsOn(this.path).length; left > 0; left--) await this.#unmount("-uz");
    if (mountsOn(this.path).length > 0) {
      throw volumeFaults.fault("volume-busy", `what is mounted on ${this.path} cannot be taken away`);
    }
    this.#endServers();
  }

  #endServers(): void {
    for (const pid of serversOf(program, this.path)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
  }

  async #serversGone(): Promise<void> {
    for (let attempt = 0; attempt < unmountTries && serversOf(program, this.path).length > 0; attempt++) {
      await delay(unmountPauseMs / 2);
    }
  }

  #unmount(how: "-u" | "-uz"): Promise<boolean> {
    const child = spawn(unmounter, [how, this.path], {
      stdio: "ignore",
      env: { PATH: programFolders.join(delimiter) },
    });
    return new Promise((resolve) => {
      child.once("error", () => resolve(false));
      child.once("exit", (code) => resolve(code === 0));
    });
  }

  /** The key goes through a pipe: arguments and environment can be read by others, and a file would stay. */
  #run(args: readonly string[], key: Uint8Array): Promise<void> {
    // Its output goes nowhere: the server outlives this process, and would die of writing into a pipe nobody reads.
    const child = spawn(program, args, {
      stdio: ["pipe", "ignore", "ignore"],
      env: { PATH: programFolders.join(delimiter) },
      detached: true,
    });
    const password = deriveFromVolumeKey(key, "password");
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), startMs);
      child.once("error", (cause) => {
        clearTimeout(timer);
        const lacks = whatGocryptfsLacks() ?? "something gocryptfs needs";
        reject(volumeFaults.fault("volume-unavailable", `this machine lacks ${lacks}`, { cause }));
      });
      child.once("exit", (code) => {
        clearTimeout(timer);
        if (code === 0) {
          resolve();
        } else if (code === exitPassword) {
          reject(volumeFaults.fault("volume-damaged", "the volume's configuration does not open with its key"));
        } else {
          const lacks = whatGocryptfsLacks();
          const message =
            lacks === undefined ? `gocryptfs ended with exit code ${code ?? "none"}` : `this machine lacks ${lacks}`;
          reject(volumeFaults.fault("volume-unavailable", message));
        }
      });
      // It may end before it has read: that it ended says why.
      child.stdin.on("error", () => undefined);
      child.stdin.end(`${toHex(password)}\n`, () => password.fill(0));
    });
  }
}

function damaged(folder: string): Error {
  return volumeFaults.fault("volume-damaged", `the volume in ${folder} is damaged: a part of it is missing or a link`);
}
