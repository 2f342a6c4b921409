/** The device's names on the local network, by multicast DNS (RFC 6762): it answers for them, and for nothing else. */
import { isIPv4 } from "node:net";
import type { World } from "@piccolo/world";
import type { MulticastDNS, Options, QueryPacket, ResponseOutgoingPacket, ResponsePacket } from "multicast-dns";
import type { Log } from "../log.ts";
import { openMulticastDns } from "./bounded-mdns.ts";

const lifetimeSeconds = 120;
/** RFC 6762, section 6.7. */
const plainLifetimeSeconds = 10;
const probes = 3;
const probeMs = 250;
const port = 5353;
const questionsMax = 32;
/** A packet stays below what networks carry in one piece. */
const namesAPacket = 8;
const moreNamesMax = 256;
const recursionDesired = 0x0100;

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

/**
 * What a plain resolver gets back: its number, its wish for recursion, and of its questions those that are answered. Nothing
 * else of a stranger's packet is encoded again, since what can be read cannot always be written.
 */
export function plainReply(
  { id, flags, questions }: Pick<QueryPacket, "id" | "flags" | "questions">,
  answers: readonly LocalRecord[],
): ResponseOutgoingPacket & { readonly id: number } {
  const isAnswered = ({ name, type }: { readonly name: string; readonly type: string }): boolean =>
    answers.some((answer) => answer.name === name.toLowerCase() && (type === answer.type || type === "ANY"));
  return {
    id: id ?? 0,
    flags: (flags ?? 0) & recursionDesired,
    questions: (questions ?? [])
      .slice(0, questionsMax)
      .filter(isAnswered)
      .map(({ name, type }) => ({ name, type, class: "IN" })),
    answers: answers.map((answer) => ({ ...answer, flush: false, ttl: plainLifetimeSeconds })),
  };
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
  /** Those of the device itself, which stay. */
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
  /** Asked about, and not yet answered for. */
  readonly #probed = new Set<string>();
  readonly #held = new Set<string>();
  /** Those that come and go, as they are wanted. */
  #more: ReadonlySet<string> = new Set();
  readonly #stop = new AbortController();

  constructor(options: LocalNamesOptions) {
    this.#options = options;
    this.#dns = openMulticastDns(options.socket);
    // No network yet, or one without multicast: it is tried again whenever an interface appears.
    this.#dns.on("warning", (error: Error) => options.log.debug("mdns", { error: error.message }));
    this.#dns.on("error", (error: Error) => options.log.warn("mdns-unavailable", { error: error.message }));
    this.#dns.on("query", (query, from) => this.#answer(query, from));
    this.#dns.on("response", (response) => this.#yield(response));
  }

  /** The names that are this device's alone. */
  get held(): readonly string[] {
    return [...this.#held];
  }

  /** Resolves once the names are answered for, or the device stops. */
  hold(): Promise<void> {
    return this.#claim(this.#options.names);
  }

  /**
   * Answers for these names as well, and no longer for those it was told of before. Resolves like `hold`. Who still has a
   * name that is gone is told that it is.
   */
  want(names: readonly string[]): Promise<void> {
    const wanted = new Set(names.slice(0, moreNamesMax));
    const gone = [...this.#more].filter((name) => !wanted.has(name) && !this.#options.names.includes(name));
    this.#more = wanted;
    this.#announce(
      gone.filter((name) => this.#held.delete(name)),
      0,
    );
    for (const name of gone) this.#probed.delete(name);
    return this.#claim([...wanted].filter((name) => !this.#held.has(name) && !this.#probed.has(name)));
  }

  async #claim(names: readonly string[]): Promise<void> {
    const { world } = this.#options;
    for (const name of names) this.#probed.add(name);
    const left = (): readonly string[] => names.filter((name) => this.#probed.has(name));
    for (let probe = 0; probe < probes && left().length > 0 && !this.#stop.signal.aborted; probe++) {
      for (const some of inPackets(left())) {
        this.#dns.query({ questions: some.map((name) => ({ name, type: "A" as const })) });
      }
      await world.sleep(probeMs, this.#stop.signal).catch(() => undefined);
    }
    if (this.#stop.signal.aborted) return;
    const won = left();
    for (const name of won) {
      this.#probed.delete(name);
      this.#held.add(name);
    }
    this.#announce(won, lifetimeSeconds);
  }

  #announce(names: readonly string[], ttl: number): void {
    const addresses = this.#options.addresses("");
    for (const some of inPackets(names)) {
      const questions = some.map((name) => ({ name, type: "ANY" }));
      this.#dns.respond(answersTo(questions, new Set(some), addresses).map((record) => ({ ...record, ttl })));
    }
  }

  #answer(query: QueryPacket, from: { readonly address: string; readonly port: number }): void {
    const questions = query.questions ?? [];
    // Most of what is asked on a network is about others, and the system is asked for the addresses each time.
    if (!isAbout(questions, this.#held)) return;
    const answers = [...answersTo(questions, this.#held, this.#options.addresses(from.address))];
    if (answers.length === 0) return;
    if (from.port === (this.#options.socket?.port ?? port)) {
      this.#dns.respond(answers);
      return;
    }
    // Nobody can be answered there, and whoever tries fails.
    if (from.port === 0) return;
    // A plain resolver waits for an answer of its own (6.7).
    this.#dns.respond(plainReply(query, answers), { ...from, host: from.address, family: "IPv4", size: 0 } as never);
  }

  #yield(response: ResponsePacket): void {
    const answers = response.answers ?? [];
    if (!isAbout(answers, this.#probed)) return;
    for (const name of contestedBy(answers, this.#probed, this.#options.addresses(""))) {
      if (this.#probed.delete(name)) this.#options.log.warn("name-taken", { name });
    }
  }

  close(): Promise<void> {
    this.#stop.abort();
    return new Promise((resolve) => this.#dns.destroy(() => resolve()));
  }
}

/** Whether any of the entries is about one of these. */
function isAbout(entries: readonly { readonly name: string }[], these: ReadonlySet<string>): boolean {
  return these.size > 0 && entries.some(({ name }) => these.has(name.toLowerCase()));
}

function inPackets(names: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(names.length / namesAPacket) }, (_, at) =>
    names.slice(at * namesAPacket, (at + 1) * namesAPacket),
  );
}
