import { open } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { logBytesMax } from "@piccolo/attest";
import { type BootState, bootStateFaults, type FoundBoot, pcrKeyBytesMax } from "../../system/boot-state.ts";

const variables = "sys/firmware/efi/efivars";
const globalVariable = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const logPath = "sys/kernel/security/tpm0/binary_bios_measurements";
const pcrKeyPath = "run/systemd/tpm2-pcr-public-key.pem";
const pieceBytes = 65_536;

/** What the kernel shows below a root folder: `/` on a device. */
export class MachineBootState implements BootState {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async read(): Promise<FoundBoot> {
    return {
      firmware: existsSync(join(this.#root, "sys/firmware/efi")) ? "uefi" : "bios",
      secureBoot: await this.#truth("SecureBoot"),
      setupMode: await this.#truth("SetupMode"),
      log: await this.#whole(logPath, logBytesMax),
      pcrKey: await this.#whole(pcrKeyPath, pcrKeyBytesMax),
    };
  }

  /** A firmware variable of one byte, behind four bytes of attributes. */
  async #truth(name: string): Promise<boolean | undefined> {
    const content = await this.#whole(`${variables}/${name}-${globalVariable}`, 5);
    if (content === undefined) return undefined;
    const value = content[4];
    if (content.length !== 5 || (value !== 0 && value !== 1)) {
      throw bootStateFaults.fault("boot-state-unreadable", `the firmware's variable ${name} is neither true nor false`);
    }
    return value === 1;
  }

  /** Undefined where there is no such file. These files say they are empty: they are read to their end. */
  async #whole(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
    let file;
    try {
      file = await open(join(this.#root, path));
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
      throw bootStateFaults.fault("boot-state-unreadable", `${path} cannot be opened`, { cause });
    }
    try {
      const pieces: Uint8Array[] = [];
      let length = 0;
      for (;;) {
        const { bytesRead, buffer } = await file.read({ buffer: new Uint8Array(pieceBytes), position: null });
        if (bytesRead === 0) return new Uint8Array(Buffer.concat(pieces));
        length += bytesRead;
        if (length > bytesMax) {
          throw bootStateFaults.fault("boot-state-unreadable", `${path} has more than ${bytesMax} bytes`);
        }
        pieces.push(buffer.subarray(0, bytesRead));
      }
    } catch (cause) {
      if (bootStateFaults.owns(cause)) throw cause;
      throw bootStateFaults.fault("boot-state-unreadable", `${path} cannot be read`, { cause });
    } finally {
      await file.close();
    }
  }
}
