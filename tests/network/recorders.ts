/** Write down what one device hands to the world: every byte for its peers, and every byte for central. */
import { appendFileSync, closeSync, openSync, writevSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Message, PeerHandler, PeerTarget, PeerTransport } from "@piccolo/storage/ports";
import { createPeerNet } from "../../programs/piccolod/src/adapters/peer-net/index.ts";

/** Decorates a device's `PeerTransport`, and the handler whose replies go through it, too. */
export class TransportRecorder {
  readonly path: string;
  readonly targets = new Map<string, PeerTarget>();
  #file: number;
  #transport: PeerTransport | undefined;

  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, "a", 0o600);
  }

  /** What the device uses now. */
  get transport(): PeerTransport {
    if (this.#transport === undefined) throw new Error("the device is not open");
    return this.#transport;
  }

  readonly createPeerNet: typeof createPeerNet = (options) => {
    const net = createPeerNet({ ...options, handler: this.#recordingHandler(options.handler) });
    const transport: PeerTransport = {
      request: (peer, request, requestOptions) => {
        this.#write(request);
        this.targets.set(Buffer.from(peer.deviceKey).toString("hex"), peer);
        return net.transport.request(peer, request, requestOptions);
      },
    };
    this.#transport = transport;
    return { ...net, transport };
  };

  #recordingHandler(handler: PeerHandler): PeerHandler {
    return {
      admit: (deviceKey, frame) => {
        const decision = handler.admit(deviceKey, frame);
        if ("refusal" in decision) this.#write(decision.refusal);
        return decision;
      },
      handle: async (deviceKey, request, signal) => {
        const reply = await handler.handle(deviceKey, request, signal);
        this.#write(reply);
        return reply;
      },
    };
  }

  /** One message in one piece, so that what stands across its parts is found. */
  #write({ frame, body }: Message): void {
    writevSync(this.#file, [frame, ...body]);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Stands between a device and central, and writes down what the device sends, a file a connection. */
export class CentralRecorder {
  readonly #folder: string;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#serve(socket));
  readonly #centralPort: number;
  #connections = 0;

  constructor(folder: string, centralPort: number) {
    this.#folder = folder;
    this.#centralPort = centralPort;
  }

  /** Resolves to the origin under which the device reaches central. */
  listen(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () =>
        resolve(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`),
      );
    });
  }

  #serve(device: Socket): void {
    const path = join(this.#folder, `to-central-${this.#connections++}`);
    const central = connect(this.#centralPort, "127.0.0.1");
    device.on("data", (bytes) => appendFileSync(path, bytes));
    for (const [socket, other] of [
      [device, central],
      [central, device],
    ] as const) {
      this.#sockets.add(socket);
      socket.pipe(other);
      socket.on("error", () => other.destroy());
      socket.on("close", () => this.#sockets.delete(socket));
    }
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
