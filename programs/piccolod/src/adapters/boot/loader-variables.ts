/** The variables through which systemd-boot and the system speak (systemd, Boot Loader Interface): UTF-16 with a final NUL. */
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { bootControlFaults } from "../../system/boot-control.ts";

const execute = promisify(execFile);
const loader = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/** Kept without power, and seen by boot loader and system. */
const attributes = Uint8Array.of(7, 0, 0, 0);
const variableBytesMax = 4_096;

export type LoaderVariable =
  | "LoaderEntrySelected"
  | "LoaderEntryDefault"
  | "LoaderEntryOneShot"
  /** Where the started image lies under the name with what is counted; only there while it is. */
  | "LoaderBootCountPath";

const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && "code" in error && codes.includes(String(error.code));

/** The folder is `/sys/firmware/efi/efivars` on a device. */
export class LoaderVariables {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  #path(name: LoaderVariable): string {
    return join(this.#folder, `${name}-${loader}`);
  }

  /** Undefined where it is not set, and where it is no text. */
  read(name: LoaderVariable): string | undefined {
    let content: Buffer;
    try {
      content = readFileSync(this.#path(name));
    } catch (error) {
      if (hasCode(error, "ENOENT")) return undefined;
      throw unreadable(name, error);
    }
    if (content.length < attributes.length + 2 || content.length > variableBytesMax) return undefined;
    const text = content.subarray(attributes.length).toString("utf16le").replace(/\0$/, "");
    return text === "" || text.includes("\0") ? undefined : text;
  }

  async write(name: LoaderVariable, value: string | undefined): Promise<void> {
    const path = this.#path(name);
    const change = (): void => {
      if (value === undefined) rmSync(path, { force: true });
      // One write: firmware takes or refuses a variable as a whole.
      else writeFileSync(path, Buffer.concat([attributes, Buffer.from(`${value}\0`, "utf16le")]));
    };
    try {
      change();
    } catch (error) {
      if (!hasCode(error, "EPERM", "EACCES")) throw unreadable(name, error);
      // The kernel protects variables from an unconsidered removal by a flag.
      await execute("/usr/bin/chattr", ["-i", path]).catch((cause: unknown) => {
        throw unreadable(name, cause);
      });
      change();
    }
  }
}

function unreadable(name: string, cause: unknown): Error {
  return bootControlFaults.fault("boot-partition-unreadable", `the firmware's variable ${name} cannot be used`, {
    cause,
  });
}
