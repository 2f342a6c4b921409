import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { frameBytesMax, tpmFaults } from "@piccolo/tpm2";
import { securityChipFaults } from "../../security/security-chip.ts";
import { type ChannelOptions, SerialChannel, type TpmChannel, type TpmLink } from "./channel.ts";

/**
 * The kernel's character device: one write is a command, the read after it waits for the answer and gives it whole. Both
 * wait on a thread of the pool, never on the event loop. A read that hangs cannot be taken back; the file is closed as
 * soon as the kernel, which has timeouts of its own, lets go of it.
 */
class DeviceLink implements TpmLink {
  readonly #file: FileHandle;
  #underWay: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  exchange(command: Uint8Array): Promise<Uint8Array> {
    const exchange = this.#exchange(command.slice());
    this.#underWay = exchange.catch(() => undefined);
    return exchange;
  }

  async #exchange(command: Uint8Array): Promise<Uint8Array> {
    const answer = new Uint8Array(frameBytesMax);
    try {
      // No position: the device is not a file with places in it.
      const { bytesWritten } = await this.#file.write(command, 0, command.length, null);
      if (bytesWritten !== command.length) throw new Error("the kernel took a part of the command");
      const { bytesRead } = await this.#file.read(answer, 0, answer.length, null);
      return answer.subarray(0, bytesRead);
    } catch (cause) {
      const message = "the kernel could not exchange a command with the TPM; switch the device off and on again";
      throw tpmFaults.fault("tpm-failed", message, { cause });
    } finally {
      command.fill(0);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#underWay.then(() => this.#file.close());
    return this.#closed;
  }
}

/** A TPM through the kernel's resource manager, `/dev/tpmrm0`. Throws `tpm-missing`. */
export async function openDeviceChannel(path: string, options: ChannelOptions): Promise<TpmChannel> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDWR);
  } catch (cause) {
    const message = `there is no TPM to open at ${path}; switch it on in the firmware set-up, or check who may use it`;
    throw securityChipFaults.fault("tpm-missing", message, { cause });
  }
  // The resource manager keeps what others hold apart, and forgets what we hold when the file is closed.
  return new SerialChannel(new DeviceLink(file), false, options);
}
