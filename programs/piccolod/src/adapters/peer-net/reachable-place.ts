import { connect } from "node:net";
import type { World } from "@piccolo/world";

/** Where a device may answer on the direct path. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

const firstPauseMs = 30_000;
const longestPauseMs = 30 * 60_000;
/** A request waits that long for the search and then takes libp2p; the search goes on for those after it. */
const patienceMs = 1_000;

interface Search {
  /** The announced places it was about: new ones are a new search. */
  readonly announced: string;
  readonly result: Promise<Place | undefined>;
  found: Place | undefined;
  pausedUntilMs: number;
  failures: number;
}

/**
 * Knows which of a device's announced places takes connections. Most devices announce addresses of their home that mean
 * nothing elsewhere: these are tried all at once, beside the requests, and more and more rarely.
 */
export class ReachablePlaces {
  readonly #world: World;
  readonly #connectTimeoutMs: number;
  readonly #searches = new Map<string, Search>();

  constructor(world: World, connectTimeoutMs: number) {
    this.#world = world;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  async find(device: string, places: readonly Place[], signal: AbortSignal): Promise<Place | undefined> {
    if (places.length === 0) return undefined;
    const announced = places.map(({ host, port }) => `${host} ${port}`).join();
    let search = this.#searches.get(device);
    if (search?.announced !== announced) search = this.#search(device, announced, places, 0);
    if (search.found !== undefined) return search.found;
    if (search.pausedUntilMs !== Infinity && search.pausedUntilMs <= this.#world.monotonicMs()) {
      search = this.#search(device, announced, places, search.failures);
    }
    if (search.pausedUntilMs !== Infinity) return undefined;
    const enough = new AbortController();
    const patience = this.#world.sleep(patienceMs, AbortSignal.any([enough.signal, signal]));
    try {
      return await Promise.race([search.result, patience.then(() => undefined)]);
    } finally {
      enough.abort();
      patience.catch(() => undefined);
    }
  }

  /** The place took the connection but no request: another device, or no way through after all. */
  failed(device: string): void {
    const search = this.#searches.get(device);
    if (search !== undefined) this.#pause(search);
  }

  answered(device: string): void {
    const search = this.#searches.get(device);
    if (search !== undefined) search.failures = 0;
  }

  #pause(search: Search): void {
    search.found = undefined;
    search.pausedUntilMs = this.#world.monotonicMs() + Math.min(longestPauseMs, firstPauseMs * 2 ** search.failures);
    search.failures++;
  }

  #search(device: string, announced: string, places: readonly Place[], failures: number): Search {
    const result = Promise.any(places.map((place) => this.#try(place))).catch(() => undefined);
    // Infinity while it goes on.
    const search: Search = { announced, result, found: undefined, pausedUntilMs: Infinity, failures };
    this.#searches.set(device, search);
    void result.then((place) => {
      search.found = place;
      if (place === undefined) this.#pause(search);
    });
    return search;
  }

  #try(place: Place): Promise<Place> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: place.host, port: place.port, timeout: this.#connectTimeoutMs });
      socket.once("connect", () => {
        socket.destroy();
        resolve(place);
      });
      socket.once("timeout", () => socket.destroy(new Error("connecting took too long")));
      socket.on("error", reject);
    });
  }
}
