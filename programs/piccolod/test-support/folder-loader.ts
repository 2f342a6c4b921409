/** A folder that stands for the boot partition, and what systemd-boot does with it at a start, as its documentation says. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { openBootPartition } from "../src/adapters/boot/boot-partition.ts";
import { byRelease, entryFileOf, parseEntryFile } from "../src/adapters/boot/entry-file.ts";
import { LoaderVariables } from "../src/adapters/boot/loader-variables.ts";
import { SystemdBoot } from "../src/adapters/boot/systemd-boot.ts";

const vendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

export class FolderLoader {
  readonly folder: string;
  readonly images: string;
  readonly variables: string;
  readonly boot: SystemdBoot;

  constructor(context: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), "esp-"));
    context.after(() => rmSync(this.folder, { recursive: true, force: true }));
    this.images = join(this.folder, "esp/EFI/Linux");
    this.variables = join(this.folder, "efivars");
    mkdirSync(this.images, { recursive: true });
    mkdirSync(this.variables);
    this.boot = new SystemdBoot(openBootPartition(join(this.folder, "esp")), new LoaderVariables(this.variables));
  }

  #variable(name: string): string {
    return join(this.variables, `${name}-${vendor}`);
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(this.#variable(name)).subarray(4).toString("utf16le").replace(/\0$/, "");
    } catch {
      return undefined;
    }
  }

  readonly start = (): string | undefined => {
    const files = readdirSync(this.images).flatMap((name) => parseEntryFile(name) ?? []);
    const sorted = files.sort((a, b) => Number(a.state === "bad") - Number(b.state === "bad") || byRelease(a, b));
    const wanted = [this.#read("LoaderEntryOneShot"), this.#read("LoaderEntryDefault")];
    rmSync(this.#variable("LoaderEntryOneShot"), { force: true });
    const chosen = wanted.map((id) => sorted.find((entry) => entry.id === id)).find((entry) => entry) ?? sorted[0];
    if (chosen === undefined) return undefined;
    if (chosen.tries !== undefined && chosen.tries.left > 0) {
      const tries = { left: chosen.tries.left - 1, done: chosen.tries.done + 1 };
      renameSync(join(this.images, chosen.file), join(this.images, entryFileOf(chosen.id, tries)));
    }
    const text = Buffer.from(`${chosen.id}\0`, "utf16le");
    writeFileSync(this.#variable("LoaderEntrySelected"), Buffer.concat([Buffer.from([6, 0, 0, 0]), text]));
    return chosen.id;
  };
}
