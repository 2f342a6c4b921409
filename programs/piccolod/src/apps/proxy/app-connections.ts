import { connect, type Socket } from "node:net";
import { BadReply, type ReplyListener, ReplyReader } from "./reply-reader.ts";

const idleMax = 64;
/** Servers close what is idle after two seconds or more; what is older may be just closing, and is only good for what can be asked twice. */
const freshMs = 1_000;
const idleMs = 4_000;
const connectMs = 10_000;
/**
 * A connection so long without a word is asked whether it lives. The asking also brings it back to the packet filter's
 * mind, which drops what an app says on a connection that it does not know.
 */
const askAliveMs = 5_000;

/** One visit's use of a connection. */
export interface Exchange extends ReplyListener {
  /** What was written has gone out: more may follow. */
  drained(): void;
  /** The connection is gone, or what came over it was no answer, before the answer was whole. */
  failed(error: Error): void;
}

/** A connection to an app's container. It belongs to one exchange at a time. */
export class AppConnection {
  readonly socket: Socket;
  /** Whether it has served before: an app may have closed it just now. */
  isUsed = false;
  idleSinceMs = 0;
  #exchange: Exchange | undefined;
  #reader: ReplyReader | undefined;
  readonly #pool: AppConnections;

  constructor(pool: AppConnections, address: string, port: number) {
    this.#pool = pool;
    this.socket = connect({
      host: address,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: askAliveMs,
      allowHalfOpen: true,
    });
    const timer = setTimeout(() => this.socket.destroy(new Error("no connection in time")), connectMs);
    this.socket.once("connect", () => clearTimeout(timer));
    this.socket.on("data", (bytes: Buffer) => this.#take(bytes));
    this.socket.on("drain", () => this.#exchange?.drained());
    this.socket.on("end", () => this.#ended(undefined));
    this.socket.on("error", (error) => this.#ended(error));
    this.socket.on("close", () => {
      clearTimeout(timer);
      this.#ended(undefined);
      pool.gone(this);
    });
  }

  /** Whether nothing of an answer has come yet. */
  get isUntouched(): boolean {
    return this.#reader?.isUntouched ?? true;
  }

  begin(exchange: Exchange, asked: { readonly isHead: boolean; readonly maySwitch: boolean }): void {
    this.#exchange = exchange;
    this.#reader = new ReplyReader(exchange, asked);
  }

  /** The visit is over; what the app still says to it is not heard. */
  drop(): void {
    this.#exchange = undefined;
    this.#reader = undefined;
    this.socket.destroy();
  }

  /** The answer is whole and the visit's body was sent: it goes back to the pool, or is closed. */
  release(): void {
    const isGood = this.#reader?.isReusable === true && !this.socket.destroyed && this.socket.writableLength === 0;
    this.#exchange = undefined;
    this.#reader = undefined;
    if (!isGood) {
      this.socket.destroy();
      return;
    }
    this.isUsed = true;
    this.socket.resume();
    this.#pool.giveBack(this);
  }

  /** Takes the socket out: from now on it is somebody else's. */
  detach(): Socket {
    this.#exchange = undefined;
    this.#reader = undefined;
    for (const event of ["data", "drain", "end", "error"]) this.socket.removeAllListeners(event);
    return this.socket;
  }

  #take(bytes: Buffer): void {
    const reader = this.#reader;
    if (reader === undefined) {
      // Nobody asked.
      this.socket.destroy();
      return;
    }
    try {
      reader.feed(bytes);
    } catch (error) {
      if (!(error instanceof BadReply)) throw error;
      this.#fail(error);
    }
  }

  #ended(error: Error | undefined): void {
    if (this.#exchange === undefined) {
      this.socket.destroy();
      return;
    }
    if (error === undefined && this.#reader?.finish() === true) return;
    this.#fail(error ?? new Error("the app closed the connection"));
  }

  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.socket.destroy();
    exchange?.failed(error);
    this.#reader = undefined;
  }
}

/** Connections to one container. They are never another app's, so that what an app says wrong is only heard by its own visitors. */
export class AppConnections {
  readonly #address: string;
  readonly #port: number;
  readonly #nowMs: () => number;
  readonly #idle: AppConnection[] = [];
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;

  constructor(address: string, port: number, nowMs: () => number) {
    this.#address = address;
    this.#port = port;
    this.#nowMs = nowMs;
    this.#timer = setInterval(() => this.#dropOld(), idleMs);
    this.#timer.unref();
  }

  /** `isRepeatable`: it can be asked again where an idle connection turns out to be closed. */
  take(isRepeatable: boolean): AppConnection {
    const newest = this.#idle.at(-1);
    if (newest !== undefined && (isRepeatable || this.#nowMs() - newest.idleSinceMs < freshMs)) {
      this.#idle.pop();
      return newest;
    }
    return this.open();
  }

  open(): AppConnection {
    return new AppConnection(this, this.#address, this.#port);
  }

  giveBack(connection: AppConnection): void {
    if (this.#isClosed || this.#idle.length >= idleMax) {
      connection.socket.destroy();
      return;
    }
    connection.idleSinceMs = this.#nowMs();
    this.#idle.push(connection);
  }

  gone(connection: AppConnection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #dropOld(): void {
    const beforeMs = this.#nowMs() - idleMs;
    while ((this.#idle[0]?.idleSinceMs ?? Number.POSITIVE_INFINITY) < beforeMs) this.#idle.shift()?.socket.destroy();
  }

  /** Of a container that is gone no connection is used again; those in use end by themselves. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const { socket } of this.#idle.splice(0)) socket.destroy();
  }
}
