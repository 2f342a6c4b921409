import { connect, type Socket } from "node:net";
import { tpmFaults } from "@piccolo/tpm2";
import { securityChipFaults } from "../../security/security-chip.ts";
import { type ChannelOptions, SerialChannel, type TpmChannel, type TpmLink } from "./channel.ts";

const headerBytes = 10;
const responseBytesMax = 65_536;

function broken(cause?: unknown): Error {
  const message = "the connection to the software TPM ended; start it again, then restart the device";
  return tpmFaults.fault("tpm-failed", message, cause === undefined ? {} : { cause });
}

/** A stream carries answers one after the other; each names its length in its header (TPM 2.0 Part 1, 18). */
class SocketLink implements TpmLink {
  readonly #socket: Socket;
  #received: Uint8Array = new Uint8Array(0);
  #waiting: { resolve(answer: Uint8Array): void; reject(error: Error): void } | undefined;
  #ended: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => this.#take(bytes));
    socket.on("error", (error) => this.#end(broken(error)));
    socket.on("close", () => this.#end(broken()));
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }

  #take(bytes: Uint8Array): void {
    const waiting = this.#waiting;
    const received = new Uint8Array(this.#received.length + bytes.length);
    received.set(this.#received);
    received.set(bytes, this.#received.length);
    this.#received = received;
    if (waiting === undefined) return this.#refuse("the TPM spoke without being asked; restart the device");
    if (received.length < headerBytes) return undefined;
    const length = new DataView(received.buffer).getUint32(2);
    if (length < headerBytes || length > responseBytesMax || received.length > length) {
      return this.#refuse("the TPM's answer has another length than it says; restart the device");
    }
    if (received.length < length) return undefined;
    this.#received = new Uint8Array(0);
    this.#waiting = undefined;
    return waiting.resolve(received);
  }

  #refuse(message: string): void {
    this.#end(tpmFaults.fault("tpm-malformed", message));
    this.#socket.destroy();
  }

  exchange(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      this.#waiting = { resolve, reject };
      // The caller erases the command after its answer, and the socket may still have it in hand when it fails.
      this.#socket.write(command.slice());
      return undefined;
    });
  }

  close(): Promise<void> {
    this.#end(broken());
    this.#socket.destroy();
    return Promise.resolve();
  }
}

/** A software TPM (swtpm) that listens on a Unix socket. Throws `tpm-missing` where nobody does. */
export async function openSocketChannel(path: string, options: ChannelOptions): Promise<TpmChannel> {
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (cause) => {
      const message = `no software TPM listens at ${path}; start swtpm, or start with --insecure-no-tpm`;
      reject(securityChipFaults.fault("tpm-missing", message, { cause }));
    });
  });
  socket.removeAllListeners("error");
  socket.removeAllListeners("connect");
  return new SerialChannel(new SocketLink(socket), true, options);
}
