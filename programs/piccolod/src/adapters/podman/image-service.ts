/**
 * A Podman that brings images in and does nothing else, beside the one that runs containers: it sees an empty folder where
 * it would note, in the clear, which registry has which layer. The other one cannot be kept from that folder in the same
 * way: what it mounts for containers has to be seen by whoever comes after it.
 */
import { join } from "node:path";
import type { World } from "@piccolo/world";
import { runRoot } from "../app-leftovers.ts";
import { endServices, notesFolder, type PodmanEndpoint, serviceAnswers, startService } from "./endpoint.ts";
import { type ServiceConfig, writeServiceConfig } from "./service-config.ts";

/**
 * In a view of the file systems of its own, which ends with it. A copy of a mount would keep what is mounted busy: it lets go
 * of all that is of devices, but for the storage and what that lies on, and of all encrypted folders, innermost first. A path
 * in the kernel's table has spaces and the like in octal.
 */
const inOwnView = `
storage=$1 devices=$2 notes=$3; shift 3
left=
while read -r _ _ _ _ path rest; do
  case "$storage/" in "$path"/*) continue ;; esac
  case "$path $rest" in "$devices"/* | *" - fuse.gocryptfs "*) left="$path
$left" ;; esac
done </proc/self/mountinfo
printf %s "$left" | while read -r path; do umount --lazy "$(printf %b "$path")"; done
mount -t tmpfs -o ro,mode=0700 tmpfs "$notes" && exec "$@"
`;

export interface ImageServiceOptions extends ServiceConfig {
  /** Path of Podman. Throws `runtime-missing`. */
  readonly program: () => string;
  /** Has storage and folders there, and the Podman of the containers. Throws `runtime-missing`, `runtime-unavailable`. */
  readonly prepare: () => Promise<void>;
  readonly world: World;
}

export class ImageService implements PodmanEndpoint {
  readonly socketPath: string;
  readonly cgroupParent = undefined;
  readonly #options: ImageServiceOptions;
  #uses = 0;
  /** Starts and ends come one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ImageServiceOptions) {
    this.#options = options;
    this.socketPath = join(options.run, "images.sock");
  }

  async bringIn<Result>(work: (endpoint: PodmanEndpoint) => Promise<Result>): Promise<Result> {
    this.#uses++;
    try {
      await this.ensure();
      return await work(this);
    } finally {
      this.#uses--;
      // One that does not end now is ended before the next start.
      this.#inTurn(() => this.#endUnused()).catch(() => undefined);
    }
  }

  ensure(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#options.prepare();
      if (!(await serviceAnswers(this.socketPath))) await this.#start();
    });
  }

  async #start(): Promise<void> {
    const { storage, run, program, world } = this.#options;
    await endServices(this.socketPath, world);
    // It ends with this process, however this one ends: what it was bringing in is asked for again.
    const own = ["--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", inOwnView, "sh"];
    await startService({
      socketPath: this.socketPath,
      command: ["setpriv", ...own, storage, runRoot, notesFolder, program()],
      environment: writeServiceConfig(this.#options),
      wordsFile: join(run, "images.log"),
      world,
    });
  }

  async #endUnused(): Promise<void> {
    if (this.#uses === 0) await endServices(this.socketPath, this.#options.world);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  stop(): Promise<void> {
    return this.#inTurn(() => endServices(this.socketPath, this.#options.world));
  }
}
