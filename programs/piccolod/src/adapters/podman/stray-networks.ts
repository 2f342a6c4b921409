/**
 * Networks of containers that Podman has lost sight of. Where its service is killed while it starts a container, the network
 * it has set up is in none of its records: it stays, goes on to have the container's address, and whoever asks for the address
 * after the next start reaches nobody.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { errorFacts, type Log } from "../log.ts";
import type { MountView } from "../app-storage/run-program.ts";
import { runCommand } from "../volume/command.ts";
import { isProcessOf } from "./isolation.ts";
import { endProcess } from "./endpoint.ts";

export interface StrayNetworksOptions {
  /** Podman's view of the file systems. */
  readonly view: MountView;
  readonly log: Log;
}

const folder = "/run/netns";
/** A network that is being set up is without a process for a moment. */
const emptyMs = 10_000;

/** A network that has a name, which Podman gives it. */
interface NamedNetwork {
  readonly path: string;
  /** `net:[4026532345]`; undefined where nothing is mounted on the file. */
  readonly id: string | undefined;
}

export class StrayNetworks {
  readonly #options: StrayNetworksOptions;
  /** Those without a process, and when they were first seen so, by the monotonic clock. */
  #emptySinceMs: ReadonlyMap<string, number> = new Map();

  constructor(options: StrayNetworksOptions) {
    this.#options = options;
  }

  /**
   * Before a start: takes networks away that have one of the container's addresses, and what is left in them of an earlier
   * start. The container does not run. What cannot be taken away, or is somebody else's, stays.
   */
  async end(containerId: string, addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return;
    const { log } = this.#options;
    for (const network of this.#named()) {
      if (!(await this.#hasOne(network, addresses))) continue;
      const inside = processesByNetwork().get(network.id ?? "") ?? [];
      if (!inside.every((pid) => isProcessOf(pid, containerId))) {
        log.warn("stray-network-in-use", { container: containerId, network: network.path });
        continue;
      }
      for (const pid of inside) endProcess(pid, "SIGKILL");
      await this.#remove(network);
    }
  }

  /** Now and then: takes those away that nothing has been in for a while, as one that was never set up. */
  async sweep(): Promise<void> {
    const nowMs = performance.now();
    const named = this.#named();
    const inside = processesByNetwork();
    const empty = named.filter(({ id }) => id === undefined || !inside.has(id));
    const before = this.#emptySinceMs;
    this.#emptySinceMs = new Map(empty.map(({ path }) => [path, before.get(path) ?? nowMs]));
    for (const network of empty) {
      if (nowMs - (this.#emptySinceMs.get(network.path) ?? nowMs) >= emptyMs) await this.#remove(network);
    }
  }

  async #remove({ path, id }: NamedNetwork): Promise<void> {
    const { view, log } = this.#options;
    try {
      if (id !== undefined) await view.run("/bin/umount", [path]);
      await view.run("/bin/rm", ["-f", path]);
      log.info("stray-network-removed", { network: path });
    } catch (error) {
      // Podman may just have done it.
      log.warn("stray-network-stays", { network: path, ...errorFacts(error) });
    }
  }

  #named(): readonly NamedNetwork[] {
    if (!existsSync(folder)) return [];
    const ids = mountedNetworks(readFileSync(this.#options.view.table, "utf8"));
    return readdirSync(folder)
      .filter((name) => /^netns-[0-9a-f-]+$/.test(name))
      .map((name) => ({ path: join(folder, name), id: ids.get(join(folder, name)) }));
  }

  async #hasOne({ path, id }: NamedNetwork, addresses: readonly string[]): Promise<boolean> {
    if (id === undefined) return false;
    // In that network, the table is the network's own. Without an answer it is gone meanwhile.
    const [program, ...words] = [...this.#options.view.enter, "nsenter", `--net=${path}`, "cat", "/proc/net/fib_trie"];
    const { stdout } = await runCommand(program, words);
    const own = new Set([...stdout.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address]) => address));
    return addresses.some((address) => own.has(address));
  }
}

/** Their ids by the files they are mounted on. */
function mountedNetworks(table: string): ReadonlyMap<string, string> {
  return new Map(
    table.split("\n").flatMap((line) => {
      const [, , , id = "", path = ""] = line.split(" ");
      return /^net:\[\d+\]$/.test(id) ? [[path, id]] : [];
    }),
  );
}

/** Of the whole machine, in one look. */
function processesByNetwork(): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const id = readlinkSync(`/proc/${name}/ns/net`);
      found.set(id, [...(found.get(id) ?? []), Number(name)]);
    } catch {
      // It has ended meanwhile, or is one of the kernel's own.
    }
  }
  return found;
}
