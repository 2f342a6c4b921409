import type { Clock } from "@piccolo/device-api";
import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { Member } from "@piccolo/membership";
import type { HolderView, PeerTransport } from "@piccolo/storage/ports";
import { decodeResponse, encodeRequest, type Hello } from "@piccolo/wire";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import { isOperatingFailure } from "../operating-failure.ts";
import { isPeerClockWrong, judgeClock, latestNowMs, wrongClockMs } from "./clock.ts";
import type { NetworkStore } from "./store.ts";

const helloIntervalMs = 4_000;
const helloTimeoutMs = 8_000;
/** A single lost greeting may be chance; the second, soon after, decides. */
const secondTryMs = 400;
const smoothing = 0.3;
/** What one member says of itself is taken in at most this often: each change is a commit, and news to everybody here. */
const hearPauseMs = 1_000;

interface PeerStatus {
  online: boolean;
  lastSeenMs: number;
  roundTripMs: number;
  /** How far its clock is ahead of ours; undefined = not measured, or its TLS was refused for it. */
  clockAheadMs: number | undefined;
  clockRefused: boolean;
  domain: string | undefined;
  addresses: readonly string[];
  greeting: boolean;
  /** By the steady clock, when its last own greeting was taken in. */
  heardMs: number;
}

export interface PresenceOptions {
  readonly store: NetworkStore;
  readonly transport: PeerTransport;
  readonly world: World;
  readonly log: Log;
  /** The other members. */
  readonly others: () => readonly Member[];
  readonly ownHello: () => Hello;
  /** Whether the machine's own clock lost the time. */
  readonly hasForgottenTime: () => boolean;
  /** A member (account as hex) showed a log that is not ours. */
  readonly onForeignHead: (account: string, hello: Hello) => void;
  /** A member cannot be reached under its known addresses. */
  readonly onUnreachable: () => void;
  /** A greeting measured a member's clock: peer's minus own. */
  readonly onClock: (deviceKey: Uint8Array, offsetMs: number) => void;
  /** Aborted when the device stops: a greeting under way then ends and changes nothing more. */
  readonly stopping: AbortSignal;
  readonly onChange: () => void;
}

/** Who of the other members is there: greets each of them every few seconds, and listens to their greetings. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #peers = new Map<string, PeerStatus>();
  #centralAheadMs: number | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
    for (const { account, lastSeenMs, domain, addresses } of options.store.peers()) {
      const status = this.#status(account);
      Object.assign(status, { lastSeenMs, domain, addresses });
    }
  }

  #status(account: string): PeerStatus {
    let status = this.#peers.get(account);
    if (status === undefined) {
      status = {
        online: false,
        lastSeenMs: 0,
        roundTripMs: Infinity,
        clockAheadMs: undefined,
        clockRefused: false,
        domain: undefined,
        addresses: [],
        greeting: false,
        heardMs: -Infinity,
      };
      this.#peers.set(account, status);
    }
    return status;
  }

  holders(): readonly HolderView[] {
    return this.#options.others().map(({ account, name, deviceKey }) => {
      const id = toHex(account);
      const { online, lastSeenMs, roundTripMs, domain, addresses } = this.#status(id);
      // Before it has said otherwise, a member shares its fate with nobody.
      return { account: id, name, deviceKey, addresses, online, lastSeenMs, roundTripMs, domain: domain ?? id };
    });
  }

  /** Whether a member's clock is what keeps it away. */
  isClockWrong(account: string): boolean {
    const { clockAheadMs, clockRefused } = this.#status(account);
    const ours = this.clock();
    if (clockAheadMs !== undefined) return isPeerClockWrong(clockAheadMs, ours);
    return clockRefused && ours.state !== "wrong" && ours.state !== "forgotten";
  }

  clock(): Clock {
    return judgeClock(this.#clocksAheadMs(), this.#options.hasForgottenTime());
  }

  /** The latest it can be, by this device's clock and the others'. */
  latestNowMs(): number {
    const { world, others, hasForgottenTime } = this.#options;
    return latestNowMs(world.nowMs(), this.#clocksAheadMs(), others().length, hasForgottenTime());
  }

  #clocksAheadMs(): readonly number[] {
    const ahead = this.#options.others().flatMap(({ account }) => this.#status(toHex(account)).clockAheadMs ?? []);
    return this.#centralAheadMs === undefined ? ahead : [...ahead, this.#centralAheadMs];
  }

  centralClock(aheadMs: number): void {
    const before = this.clock().state;
    this.#centralAheadMs = aheadMs;
    this.#clockMoved(before);
  }

  #clockMoved(before: Clock["state"]): void {
    const now = this.clock();
    if (now.state === before) return;
    if (now.state === "wrong") {
      this.#options.log.warn("clock-wrong", { offsetMs: now.offsetMs, limitMs: wrongClockMs });
    }
    this.#options.onChange();
  }

  setAddresses(account: string, addresses: readonly string[]): void {
    const status = this.#status(account);
    if (JSON.stringify(status.addresses) === JSON.stringify(addresses)) return;
    status.addresses = addresses;
    this.#save(account, status);
  }

  /** For the next start, which finds it out anew where it was not kept. */
  #save(account: string, { lastSeenMs, domain, addresses }: PeerStatus): void {
    const { store, log } = this.#options;
    try {
      store.savePeer({ account, lastSeenMs, domain, addresses });
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
      log.warn("peer-not-kept", { account, ...errorFacts(error) });
    }
  }

  /** What a member's greeting tells, whoever began. */
  #learn(account: string, hello: Hello, aheadMs: number): void {
    const status = this.#status(account);
    const { world, ownHello, onForeignHead, onClock, onChange, others, log } = this.#options;
    const clockBefore = this.clock().state;
    status.lastSeenMs = world.nowMs();
    status.clockAheadMs = aheadMs;
    status.clockRefused = false;
    const member = others().find((other) => toHex(other.account) === account);
    if (member !== undefined) onClock(member.deviceKey, aheadMs);
    const own = ownHello();
    if (toHex(hello.headHash) !== toHex(own.headHash)) onForeignHead(account, hello);
    const moved = status.domain !== hello.domain;
    status.domain = hello.domain;
    if (!status.online || moved) {
      status.online = true;
      this.#save(account, status);
      onChange();
    }
    if (this.isClockWrong(account)) log.warn("peer-clock-wrong", { account, aheadMs });
    this.#clockMoved(clockBefore);
  }

  /**
   * A member greets; the answer is our greeting. It is greeted back at once if it was thought away. Whoever greets faster
   * than once a second is answered, and not heard.
   */
  greeted(account: Uint8Array, hello: Hello): Hello {
    const id = toHex(account);
    const { world, ownHello } = this.#options;
    const status = this.#status(id);
    if (world.monotonicMs() - status.heardMs < hearPauseMs) return ownHello();
    status.heardMs = world.monotonicMs();
    const wasOnline = status.online;
    // The way here took an unknown time, which for clocks an hour apart is nothing.
    this.#learn(id, hello, hello.nowMs - world.nowMs());
    if (!wasOnline) void this.#greet(id, this.#options.stopping);
    return ownHello();
  }

  async #greet(account: string, signal: AbortSignal): Promise<void> {
    const status = this.#status(account);
    if (status.greeting) return;
    status.greeting = true;
    try {
      if (!(await this.#tryHello(account, status, signal)) && status.online) {
        await this.#options.world.sleep(secondTryMs, signal);
        if (!(await this.#tryHello(account, status, signal))) this.#lost(account, status);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      status.greeting = false;
    }
  }

  #lost(account: string, status: PeerStatus): void {
    status.online = false;
    status.roundTripMs = Infinity;
    this.#save(account, status);
    this.#options.onChange();
  }

  async #tryHello(account: string, status: PeerStatus, signal: AbortSignal): Promise<boolean> {
    const { transport, world, ownHello, others, onUnreachable, log } = this.#options;
    const member = others().find((other) => toHex(other.account) === account);
    if (member === undefined) return false;
    const timeout = new AbortController();
    const timer = new AbortController();
    world.sleep(helloTimeoutMs, timer.signal).then(
      () => timeout.abort(new Error("no greeting in time")),
      () => undefined,
    );
    const startMs = world.monotonicMs();
    const sentMs = world.nowMs();
    try {
      const reply = await transport.request(
        { deviceKey: member.deviceKey, addresses: status.addresses },
        { frame: encodeRequest(ownHello()), body: [] },
        { maxBodyBytes: 0, signal: AbortSignal.any([signal, timeout.signal]) },
      );
      const response = decodeResponse(reply.frame);
      if (response.type !== "hello") {
        if (response.type === "refused") log.info("greeting-refused", { account, code: response.code });
        return false;
      }
      const tookMs = world.monotonicMs() - startMs;
      status.roundTripMs = Number.isFinite(status.roundTripMs)
        ? status.roundTripMs * (1 - smoothing) + tookMs * smoothing
        : tookMs;
      this.#learn(account, response, response.nowMs - (sentMs + tookMs / 2));
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      if (isFault(error, "peer-clock") && !status.clockRefused) {
        status.clockRefused = true;
        log.warn("peer-clock", { account, message: error.message });
      }
      onUnreachable();
      return false;
    } finally {
      timer.abort();
    }
  }

  /** Greets everybody now. */
  async greetAll(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#options.others().map(({ account }) => this.#greet(toHex(account), signal)));
  }

  /** Greets everybody again and again until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { world } = this.#options;
    while (!signal.aborted) {
      await this.greetAll(signal);
      await world.sleep(helloIntervalMs, signal).catch(() => undefined);
    }
  }
}
