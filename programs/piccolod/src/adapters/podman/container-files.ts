/**
 * What a container finds in its root besides its image: the names of its neighbours, where names are looked up, its own name, and the
 * mark that it is a container. Podman lays these out in the memory of the system, where the container's root could fill them with no
 * bound but its own; those here take their place, and nobody inside writes to them.
 */
import { readdirSync, rmSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerMount, ContainerSpec } from "../../apps/runtime/container-spec.ts";
import { isThere } from "../app-storage/image-file.ts";
import { syncPath } from "../app-storage/sync-path.ts";

type Named = Pick<ContainerSpec, "name" | "hostName" | "hosts" | "nameServers" | "mounts">;

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");

function contentsOf({ hostName, hosts, nameServers }: Named): Readonly<Record<string, string>> {
  // Where it shall have no name server, that is its own loopback.
  const servers = nameServers.length === 0 ? ["127.0.0.1"] : nameServers;
  return {
    "/etc/hosts": lines([
      "127.0.0.1 localhost",
      "::1 localhost",
      ...hosts.map(({ name, address }) => `${address} ${name}`),
    ]),
    "/etc/resolv.conf": lines(servers.map((address) => `nameserver ${address}`)),
    "/etc/hostname": lines([hostName]),
    "/run/.containerenv": "",
  };
}

/** Whole on the disk: a container that came through a power cut must not start with names that did not. */
async function writeForAll(path: string, content: string): Promise<void> {
  await writeFile(path, content);
  // Whatever the process takes from the modes of its files: the container's accounts read it.
  await chmod(path, 0o644);
  await syncPath(path);
}

export class ContainerFiles {
  readonly #folder: string;
  /** Laid by this process: their containers may be in the making. */
  readonly #laid = new Set<string>();

  /** `folder`: beside the runtime's storage, and for this alone; what is in it has to be there at each start. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Before the container is made, which gets the mounts besides its own. */
  async lay(spec: Named): Promise<readonly ContainerMount[]> {
    const folder = join(this.#folder, spec.name);
    this.#laid.add(spec.name);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const mounts: ContainerMount[] = [];
    for (const [target, content] of Object.entries(contentsOf(spec))) {
      if (spec.mounts.some((mount) => mount.target === target)) continue;
      const source = join(folder, target.slice(1).replaceAll("/", "-"));
      await writeForAll(source, content);
      mounts.push({ kind: "bind", source, target, readOnly: true });
    }
    for (const path of [folder, this.#folder]) await syncPath(path);
    return mounts;
  }

  forget(name: string): void {
    this.#laid.delete(name);
    rmSync(join(this.#folder, name), { recursive: true, force: true });
  }

  /** Of containers that went while nobody was here to see it. */
  forgetGone(there: ReadonlySet<string>): void {
    if (!isThere(this.#folder)) return;
    for (const name of readdirSync(this.#folder)) if (!there.has(name) && !this.#laid.has(name)) this.forget(name);
  }
}
