/** The device's names on the local network, by multicast DNS (RFC 6762): it answers for them, and for nothing else. */
import { isIPv4 } from "node:net";
import type { World } from "@piccolo/world";
import multicastDns, { type MulticastDNS, type Options, type QueryPacket, type ResponsePacket } from "multicast-dns";
import type { Log } from "../log.ts";

const lifetimeSeconds = 120;
const probes = 3;
const probeMs = 250;
const port = 5353;
const questionsMax = 32;

export interface LocalRecord {
  readonly name: string;
  readonly type: "A" | "AAAA";
  readonly ttl: number;
  readonly flush: boolean;
  readonly data: string;
}

/** What is answered to questions for these names, in whatever case they are asked. */
export function answersTo(
  questions: readonly { readonly name: string; readonly type: string }[],
  names: ReadonlySet<string>,
  addresses: readonly string[],
): readonly LocalRecord[] {
  const asked = new Set<string>();
  return questions.slice(0, questionsMax).flatMap(({ name: given, type: wanted }) => {
    const name = given.toLowerCase();
    if (!names.has(name)) return [];
    return addresses.flatMap((data): readonly LocalRecord[] => {
      const type = isIPv4(data) ? "A" : "AAAA";
      if ((wanted !== type && wanted !== "ANY") || asked.has(`${name} ${data}`)) return [];
      asked.add(`${name} ${data}`);
      return [{ name, type, ttl: lifetimeSeconds, flush: true, data }];
    });
  });
}

/** Names of ours that somebody else's answer gives an address that is not ours. */
export function contestedBy(
  answers: readonly { readonly name: string; readonly type: string; readonly data?: unknown }[],
  names: ReadonlySet<string>,
  addresses: readonly string[],
): readonly string[] {
  return answers
    .filter(({ type, data }) => (type === "A" || type === "AAAA") && !addresses.includes(String(data)))
    .map(({ name }) => name.toLowerCase())
    .filter((name) => names.has(name));
}

export interface LocalNamesOptions {
  readonly names: readonly string[];
  /** Where a machine at this address reaches the device. */
  readonly addresses: (from: string) => readonly string[];
  readonly world: World;
  readonly log: Log;
  /** Tests stay on their own machine and port. */
  readonly socket?: Options;
}

/** Asks first whether another device has a name already; that one keeps it. */
export class LocalNames {
  readonly #options: LocalNamesOptions;
  readonly #dns: MulticastDNS;
  readonly #names: Set<string>;
  readonly #stop = new AbortController();
  #isHeld = false;

  constructor(options: LocalNamesOptions) {
    this.#options = options;
    this.#names = new Set(options.names);
    this.#dns = multicastDns(options.socket);
    // No network yet, or one without multicast: it is tried again whenever an interface appears.
    this.#dns.on("warning", (error: Error) => options.log.debug("mdns", { error: error.message }));
    this.#dns.on("error", (error: Error) => options.log.warn("mdns-unavailable", { error: error.message }));
    this.#dns.on("query", (query, from) => this.#answer(query, from));
    this.#dns.on("response", (response) => this.#yield(response));
  }

  /** The names that are this device's alone, once `hold` has resolved. */
  get held(): readonly string[] {
    return this.#isHeld ? [...this.#names] : [];
  }

  /** Resolves once the names are answered for, or the device stops. */
  async hold(): Promise<void> {
    const { world, addresses } = this.#options;
    for (let probe = 0; probe < probes && !this.#stop.signal.aborted; probe++) {
      this.#dns.query({ questions: [...this.#names].map((name) => ({ name, type: "A" as const })) });
      await world.sleep(probeMs, this.#stop.signal).catch(() => undefined);
    }
    if (this.#stop.signal.aborted) return;
    this.#isHeld = true;
    const questions = [...this.#names].map((name) => ({ name, type: "ANY" }));
    this.#dns.respond([...answersTo(questions, this.#names, addresses(""))]);
  }

  #answer(query: QueryPacket, from: { readonly address: string; readonly port: number }): void {
    if (!this.#isHeld) return;
    const answers = [...answersTo(query.questions ?? [], this.#names, this.#options.addresses(from.address))];
    if (answers.length === 0) return;
    if (from.port === (this.#options.socket?.port ?? port)) {
      this.#dns.respond(answers);
      return;
    }
    // A plain resolver waits for an answer of its own (6.7), with its number and question.
    const own = { ...query, answers: answers.map((answer) => ({ ...answer, flush: false, ttl: 10 })) };
    this.#dns.respond(own, { ...from, host: from.address, family: "IPv4", size: 0 } as never);
  }

  #yield(response: ResponsePacket): void {
    if (this.#isHeld) return;
    for (const name of contestedBy(response.answers ?? [], this.#names, this.#options.addresses(""))) {
      if (this.#names.delete(name)) this.#options.log.warn("name-taken", { name });
    }
  }

  close(): Promise<void> {
    this.#stop.abort();
    return new Promise((resolve) => this.#dns.destroy(() => resolve()));
  }
}
