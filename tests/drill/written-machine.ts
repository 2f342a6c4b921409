/** On a machine of the drill's own: what is written to its disk outside the drill's folder, whoever writes it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LeakOracle, PlacedFinding } from "../network/leak-oracle.ts";

const layered = ["/etc", "/var"];
const inMemory = "/run";
const temporary = [...new Set(["/tmp", tmpdir()])];

function run(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}

export class WrittenMachine {
  readonly #folder: string;
  readonly #written: string;

  /** From now on, what is written there is apart from what was there before. `folder`: the drill's, which stays where it is. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#written = join(folder, "written");
    const kept = "/run/drill-folder";
    mkdirSync(kept);
    run("mount", "--bind", folder, kept);
    for (const path of temporary) run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", path);
    mkdirSync(folder);
    run("mount", "--move", kept, folder);
    rmSync(kept, { recursive: true });
    mkdirSync(this.#written);
    run("mount", "-t", "tmpfs", "tmpfs", this.#written);
    for (const path of layered) {
      const [upper, work] = ["upper", "work"].map((name) => join(this.#written, path, name));
      for (const made of [upper ?? "", work ?? ""]) mkdirSync(made, { recursive: true });
      run("mount", "-t", "overlay", "-o", `lowerdir=${path},upperdir=${upper},workdir=${work}`, "overlay", path);
    }
  }

  /** What would be on the disk; `memory` adds `/run`, which is gone when the machine has no power. */
  search(oracle: LeakOracle, { memory }: { readonly memory: boolean }): readonly PlacedFinding[] {
    const places = [...layered.map((path) => join(this.#written, path, "upper")), ...temporary];
    return [...places, ...(memory ? [inMemory] : [])].flatMap((place) => oracle.searchDisk(place));
  }

  /** All is as it was, and what was written is gone. Nothing runs in the drill's folder any more. */
  close(): void {
    for (const path of [...layered, this.#written, this.#folder, ...temporary]) run("umount", "--lazy", path);
  }

  /** Puts the text wherever it is looked for. Gives the files. */
  plant(text: string, { memory }: { readonly memory: boolean }): readonly string[] {
    const paths = [...layered, ...temporary, ...(memory ? [inMemory] : [])].map((path) => join(path, "planted"));
    for (const path of paths) writeFileSync(path, text);
    return paths;
  }
}
