/** Talks to a machine's piccolod the way a browser does, through the forwarded port. */
import { request as httpsRequest } from "node:https";
import { request as httpRequest, type IncomingMessage } from "node:http";

const hostName = "piccolo.local";
const answerWithinMs = 10_000;

export interface Reply {
  readonly status: number;
  readonly body: string;
}

export class DeviceClient {
  readonly #port: number;
  #secure = true;

  constructor(port: number) {
    this.#port = port;
  }

  /** Rejects where nothing answers. */
  async get(path: string): Promise<Reply> {
    try {
      return await this.#send(path);
    } catch (error) {
      this.#secure = !this.#secure;
      throw error;
    }
  }

  #send(path: string): Promise<Reply> {
    const options = {
      host: "127.0.0.1",
      port: this.#port,
      path,
      headers: { host: this.#secure ? hostName : `${hostName}:443` },
      timeout: answerWithinMs,
      servername: hostName,
      // The device's own authority is not known yet; who answers is compared by fingerprint where it matters.
      rejectUnauthorized: false,
    };
    return new Promise((resolve, reject) => {
      const send = this.#secure ? httpsRequest : httpRequest;
      const sent = send(options, (reply: IncomingMessage) => {
        let body = "";
        reply.setEncoding("utf8");
        reply.on("data", (text: string) => (body += text));
        reply.on("error", reject);
        reply.on("end", () => resolve({ status: reply.statusCode ?? 0, body }));
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
      sent.on("error", reject);
      sent.end();
    });
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
