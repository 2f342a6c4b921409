/** Talks to a machine's piccolod the way a browser does, through the forwarded port. */
import { once } from "node:events";
import { connect } from "node:tls";
import { DeviceSession, forwardedRequest, type RequestDevice, textOf } from "@piccolo/devnet";

const origin = "https://piccolo.local";
const answerWithinMs = 10_000;

export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** What anyone is told of a device. */
export interface DeviceStatus {
  readonly phase: "closed" | "unclaimed" | "locked" | "ready";
  readonly reasons: readonly { readonly code: string; readonly detail: string }[];
  readonly opensWith: readonly string[];
  readonly deviceName: string;
  readonly clock: { readonly state: string };
  readonly serverTimeMs: number;
}

export class DeviceClient {
  readonly #request: RequestDevice;
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
    this.#request = forwardedRequest(port);
  }

  /** Rejects where nothing answers. */
  async get(path: string): Promise<Reply> {
    const reply = await this.#request(`${origin}${path}`, { signal: AbortSignal.timeout(answerWithinMs) });
    return { status: reply.status, body: await textOf(reply) };
  }

  async status(): Promise<DeviceStatus> {
    return JSON.parse((await this.get("/api/v1/status")).body) as DeviceStatus;
  }

  /** SHA-256 of the authority whose certificate the device shows, as a browser gives it: pairs with colons. */
  async authority(): Promise<string> {
    const socket = connect({
      port: this.#port,
      host: "127.0.0.1",
      servername: "piccolo.local",
      rejectUnauthorized: false,
    });
    try {
      await once(socket, "secureConnect", { signal: AbortSignal.timeout(answerWithinMs) });
      let certificate = socket.getPeerCertificate(true);
      while (certificate.issuerCertificate.fingerprint256 !== certificate.fingerprint256) {
        certificate = certificate.issuerCertificate;
      }
      return certificate.fingerprint256;
    } finally {
      socket.destroy();
    }
  }

  /** A person's browser; nobody is signed in yet. */
  session(): DeviceSession {
    return new DeviceSession(origin, this.#request);
  }

  /** Whether the portal's page comes. */
  async answers(): Promise<boolean> {
    try {
      return (await this.get("/")).status === 200;
    } catch {
      return false;
    }
  }
}
