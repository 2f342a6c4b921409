/** A device that gets in by its key and then sends whatever bytes it likes, over either path. */
import { once } from "node:events";
import { Agent, request as httpsRequest } from "node:https";
import { multiaddr } from "@multiformats/multiaddr";
import type { PeerTarget } from "@piccolo/storage/ports";
import { decodeResponse, FrameReader, maxBodyBytes } from "@piccolo/wire";
import { bulkPath } from "../../programs/piccolod/src/adapters/peer-net/bulk-server.ts";
import { channelCertificate } from "../../programs/piccolod/src/adapters/peer-net/channel-certificate.ts";
import { peerIdOf } from "../../programs/piccolod/src/adapters/peer-net/device-peer.ts";
import { createNode, type Node, withPeer } from "../../programs/piccolod/src/adapters/peer-net/libp2p-node.ts";
import { protocol } from "../../programs/piccolod/src/adapters/peer-net/libp2p-path.ts";
import type { Stream } from "../../programs/piccolod/src/adapters/peer-net/libp2p-stream.ts";

export const isBulk = (address: string): boolean => address.endsWith("/tls/http");

/** The code of the refusal that the bytes of an answer are; "nothing" where the channel only closed. */
function refusalIn(bytes: Uint8Array): string {
  if (bytes.length === 0) return "nothing";
  const reader = new FrameReader({ maxBodyBytes });
  for (const event of reader.push(bytes)) {
    if (event.type !== "frame") continue;
    const response = decodeResponse(event.frame);
    return response.type === "refused" ? response.code : response.type;
  }
  return "a part of an answer";
}

export interface RawChannel {
  /** False where the other side takes no more. */
  send(bytes: Uint8Array): Promise<boolean>;
  /** Ends the own direction. */
  end(): void;
  /** Resolves when the other side has closed, with what it answered. */
  readonly answered: Promise<string>;
}

export class RawMember {
  readonly #node: Node;
  readonly #deviceSeed: Uint8Array;

  private constructor(node: Node, deviceSeed: Uint8Array) {
    this.#node = node;
    this.#deviceSeed = deviceSeed;
  }

  static async start(deviceSeed: Uint8Array): Promise<RawMember> {
    const node = await createNode({
      deviceSeed,
      listen: [],
      isAllowed: () => true,
      isRelay: () => false,
      isAsked: () => false,
      mostStrangers: 0,
      dialTimeoutMs: 10_000,
    });
    await node.libp2p.start();
    return new RawMember(node, deviceSeed);
  }

  async stop(): Promise<void> {
    await this.#node.libp2p.stop();
  }

  async openLibp2p({ addresses, deviceKey }: PeerTarget): Promise<RawChannel> {
    const peer = peerIdOf(deviceKey).toString();
    const direct = addresses.filter((address) => !isBulk(address) && !address.includes("/p2p-circuit"));
    const connection = await this.#node.libp2p.dial(direct.map((address) => multiaddr(withPeer(address, peer))));
    return channelOf(await connection.newStream(protocol));
  }

  openBulk({ addresses }: PeerTarget): RawChannel {
    const [, host = "", port = ""] = /^\/ip4\/([^/]+)\/tcp\/(\d+)\//.exec(addresses.find(isBulk) ?? "") ?? [];
    const { cert, key } = channelCertificate(this.#deviceSeed);
    const request = httpsRequest({
      host,
      port: Number(port),
      path: bulkPath,
      method: "POST",
      // A connection that is kept stays open behind an early refusal, so that it is heard; one for a single request
      // may be reset with it.
      agent: new Agent({ keepAlive: true }),
      cert,
      key: key.export({ format: "pem", type: "pkcs8" }),
      rejectUnauthorized: false,
    });
    request.on("error", () => undefined);
    const parts: Buffer[] = [];
    const answered = new Promise<string>((resolve) => {
      request.on("response", (response) => {
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", () => undefined);
        response.on("end", () => request.destroy());
      });
      request.on("close", () => resolve(refusalIn(Buffer.concat(parts))));
    });
    return {
      send: async (bytes) => {
        if (request.destroyed) return false;
        if (!request.write(bytes)) await Promise.race([once(request, "drain"), answered]);
        return !request.destroyed;
      },
      end: () => request.end(),
      answered,
    };
  }
}

function channelOf(stream: Stream): RawChannel {
  const parts: Uint8Array[] = [];
  stream.addEventListener("message", ({ data }) => {
    for (const part of data instanceof Uint8Array ? [data] : data) parts.push(part);
  });
  const answered = new Promise<string>((resolve) => {
    const onEnd = (): void => resolve(refusalIn(Buffer.concat(parts)));
    stream.addEventListener("remoteCloseWrite", onEnd);
    stream.addEventListener("close", onEnd);
    // A stranger's stream may be cut off before anybody listens.
    if (stream.status !== "open") onEnd();
  });
  let isOver = false;
  void answered.then(() => (isOver = true));
  return {
    send: async (bytes) => {
      if (isOver || stream.writeStatus !== "writable") return false;
      if (!stream.send(bytes)) {
        await Promise.race([new Promise((resolve) => stream.addEventListener("drain", resolve)), answered]);
      }
      return true;
    },
    end: () => void stream.close().catch(() => undefined),
    answered,
  };
}
