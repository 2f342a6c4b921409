/** A Podman that is there for one image alone: it begins with an empty store, and nothing of it stays. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { catalogue } from "@piccolo/fault";
import {
  endProcess,
  notesFolder,
  type PodmanEndpoint,
  serviceAnswers,
} from "../../programs/piccolod/src/adapters/podman/endpoint.ts";
import { writeServiceConfig } from "../../programs/piccolod/src/adapters/podman/service-config.ts";
import { serversOf } from "../../programs/piccolod/src/adapters/volume/mounts.ts";

export const throwawayFaults = catalogue({
  "podman-unusable": {
    retry: "never",
    meaning: "Podman does not run here; do what the message says, then run the command again.",
  },
});

const program = "/usr/bin/podman";
const startMs = 30_000;
const lookAgainMs = 20;
const wordsCharactersMax = 1_000;
const prefix = "piccolo-verify-";
const holderFile = "holder";
/** Podman makes its notes in here: it sees an empty one. */
export const hiddenFolder = notesFolder;

export interface StoreOptions {
  /** Below it each store has a folder of its own; not in `hiddenFolder`, and not on an overlay, which bears no other one. */
  readonly place: string;
  /** Registries without TLS, as `host:port`. */
  readonly insecureRegistries: readonly string[];
}

/**
 * Its mounts and processes are in namespaces of their own, which end with it, and it ends with this process, however this
 * one ends: only the folder may stay behind, and the next run takes it away.
 */
export class ThrowawayPodman implements PodmanEndpoint {
  readonly socketPath: string;
  readonly cgroupParent = undefined;
  readonly #folder: string;
  readonly #insecureRegistries: readonly string[];
  #child: ChildProcess | undefined;

  constructor({ place, insecureRegistries }: StoreOptions) {
    this.#folder = mkdtempSync(join(place, prefix));
    writeFileSync(join(this.#folder, holderFile), String(process.pid));
    this.#insecureRegistries = insecureRegistries;
    this.socketPath = join(this.#folder, "podman.sock");
  }

  get #url(): string {
    return `unix://${this.socketPath}`;
  }

  /** What its store keeps of its images beside their layers: manifests and configurations. */
  keptFiles(): readonly Uint8Array[] {
    const images = join(this.#folder, "storage/graph/overlay-images");
    return readdirSync(images, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.parentPath !== images)
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  }

  /** Throws `podman-unusable`. */
  async ensure(): Promise<void> {
    if (process.getuid?.() !== 0) {
      throw throwawayFaults.fault("podman-unusable", "Podman unpacks images for other accounts: run this as root");
    }
    if (!existsSync(program)) {
      throw throwawayFaults.fault("podman-unusable", `${program} is missing: install the package podman`);
    }
    await this.stop();
    const environment = writeServiceConfig({
      storage: join(this.#folder, "storage"),
      run: join(this.#folder, "run"),
      insecureRegistries: this.#insecureRegistries,
    });
    const wordsFile = join(this.#folder, "podman.log");
    const words = openSync(wordsFile, "w", 0o600);
    const own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const hidden = ["sh", "-c", `mount -t tmpfs tmpfs ${hiddenFolder} && exec "$0" "$@"`];
    const service = [program, "--log-level=error", "system", "service", "--time=0", this.#url];
    // A group of its own: Ctrl-C is for this process alone, which then ends the other one.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", ...own, ...hidden, ...service], {
      detached: true,
      stdio: ["ignore", "ignore", words],
      env: environment,
      cwd: "/",
    });
    closeSync(words);
    this.#child = child;
    let ended: string | undefined;
    child.once("error", (error) => (ended = error.message));
    child.once("exit", (code, signal) => (ended = `it ended with ${code ?? signal}`));
    const untilMs = performance.now() + startMs;
    while (!(await serviceAnswers(this.socketPath))) {
      if (ended !== undefined || performance.now() > untilMs) {
        const said = readFileSync(wordsFile, "utf8").trim().slice(-wordsCharactersMax);
        const why = `Podman does not start (${ended ?? "it does not answer"}): ${said}`;
        const next = "where it says that overlay is not supported, name a folder on another file system by --store";
        throw throwawayFaults.fault("podman-unusable", `${why}; ${next}`);
      }
      await delay(lookAgainMs);
    }
  }

  bringIn<Result>(work: (endpoint: PodmanEndpoint) => Promise<Result>): Promise<Result> {
    return work(this);
  }

  /** Its first process is killed; the kernel has ended the others, and let go of the mounts, before `unshare` ends. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined) return;
    const exit = once(child, "exit");
    while (child.exitCode === null && child.signalCode === null) {
      for (const pid of serversOf("podman", this.#url)) endProcess(pid, "SIGKILL");
      await Promise.race([exit, delay(lookAgainMs)]);
    }
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Stores whose process was killed before it could take them away. */
export function removeForsakenStores(place: string): void {
  for (const name of readdirSync(place).filter((one) => one.startsWith(prefix))) {
    const folder = join(place, name);
    const { uid } = lstatSync(folder);
    // In a place where everybody may write, somebody else's folder may be full of links to elsewhere.
    if (uid !== process.getuid?.() || isHeld(folder)) continue;
    rmSync(folder, { recursive: true, force: true });
  }
}

function isHeld(folder: string): boolean {
  try {
    return existsSync(`/proc/${readFileSync(join(folder, holderFile), "utf8")}`);
  } catch {
    return false;
  }
}
