import { multiaddr } from "@multiformats/multiaddr";
import type { World } from "@piccolo/world";
import type { Node } from "./libp2p-node.ts";
import type { Log } from "./serve-exchange.ts";

const checkEveryMs = 2_000;
const longestPauseMs = 60_000;

/**
 * Keeps a reservation at the relay, so that members reach this device where it has no address of its own. The library
 * renews a reservation that stands; this makes one where there is none, at the start and after every loss.
 */
export async function keepReserved(p: {
  readonly node: Node;
  /** The relay's addresses, each with its peer id; asked again every time, since the relay may move. */
  readonly relay: () => readonly string[];
  readonly world: World;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { node, world, log, signal } = p;
  let pauseMs = checkEveryMs;
  let lost = false;
  while (!signal.aborted) {
    const wanted = p.relay();
    if (wanted.length > 0 && !isReserved(node, wanted)) {
      try {
        await reserve(node, wanted, signal);
        log("relay-reserved", { relay: wanted[0] });
        pauseMs = checkEveryMs;
        lost = false;
      } catch (error) {
        if (signal.aborted) return;
        if (!lost) log("relay-unreachable", { message: error instanceof Error ? error.message : "unknown" });
        lost = true;
        pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      }
    }
    try {
      await world.sleep(pauseMs, signal);
    } catch {
      return;
    }
  }
}

function relayPeer(address: string): string {
  return /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? "";
}

function isReserved(node: Node, wanted: readonly string[]): boolean {
  const peers = new Set(wanted.map(relayPeer));
  const isListening = node.inside.addresses().some((address) => {
    const peer = /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1];
    return peer !== undefined && peers.has(peer);
  });
  return isListening && node.libp2p.getConnections().some(({ remotePeer }) => peers.has(remotePeer.toString()));
}

async function reserve(node: Node, wanted: readonly string[], signal: AbortSignal): Promise<void> {
  const failures: unknown[] = [];
  for (const address of wanted) {
    try {
      // Connected first: a listener of the library that never came about stays in its list.
      await node.libp2p.dial(multiaddr(address), { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
      await node.inside.listen([multiaddr(`${address}/p2p-circuit`)]);
      return;
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error);
    }
  }
  throw failures.length === 1 ? failures[0] : new AggregateError(failures, "no address of the relay works");
}
