/** Whose turn it is among strangers who have to wait together, so that one who asks from many addresses takes one share. */
import { remoteNetworkOf } from "../adapters/remote-network.ts";

const shareWordMax = 64;
/** A turn passes to the next one where nobody takes it for so long. */
export const turnMs = 30_000;
const mostWaiting = 128;
/** Few: who has many addresses fills any list, and each place is a turn more for who stands behind. */
const mostOfShare = 16;

export interface WaitingShare {
  readonly share: string;
  /** Each once, in the order in which they first asked; never empty. */
  readonly addresses: readonly string[];
}

export interface Turns {
  /** When the turn of the first who waits begins. */
  readonly opensMs: number;
  /** Shares, each once, in the order of their turns. In its turn a share serves the first of its addresses, and waits on for the others. */
  readonly waiting: readonly WaitingShare[];
}

export type Turn =
  | { readonly isServed: true; readonly turns: Turns }
  | { readonly isServed: false; readonly turns: Turns; readonly waitMs: number };

/**
 * Serves the address whose turn it is in the share whose turn it is, or whoever comes where none waits; others wait in the order in which
 * they first asked.
 */
export function decideTurn(turns: Turns, remote: string, nowMs: number): Turn {
  const { opensMs, waiting } = withoutMissed(turns, nowMs);
  const address = addressOf(remote);
  const share = shareOf(remote);
  const [first] = waiting;
  if (nowMs >= opensMs && (first === undefined || (first.share === share && first.addresses[0] === address))) {
    return { isServed: true, turns: { opensMs, waiting: afterTurn(waiting) } };
  }
  const queue = withAsking(waiting, share, address);
  const waitMs = opensMs + turnsBefore(queue, share, address) * turnMs - nowMs;
  return { isServed: false, turns: { opensMs, waiting: queue }, waitMs };
}

/** Turns that nobody took are over. */
function withoutMissed({ opensMs, waiting }: Turns, nowMs: number): Turns {
  let left: Turns = { opensMs, waiting };
  while (left.waiting.length > 0 && nowMs >= left.opensMs + turnMs) {
    left = { opensMs: left.opensMs + turnMs, waiting: afterTurn(left.waiting) };
  }
  return left;
}

/** The first share has had its turn, for the first of its addresses: for others of them it goes to the end. */
function afterTurn([first, ...rest]: readonly WaitingShare[]): readonly WaitingShare[] {
  if (first === undefined || first.addresses.length <= 1) return rest;
  return [...rest, { share: first.share, addresses: first.addresses.slice(1) }];
}

/** Where the lists have no place, they stay as they are. */
function withAsking(waiting: readonly WaitingShare[], share: string, address: string): readonly WaitingShare[] {
  const mine = waiting.find((one) => one.share === share);
  if (mine === undefined)
    return waiting.length >= mostWaiting ? waiting : [...waiting, { share, addresses: [address] }];
  if (mine.addresses.includes(address) || mine.addresses.length >= mostOfShare) return waiting;
  const more = { share, addresses: [...mine.addresses, address] };
  return waiting.map((one) => (one === mine ? more : one));
}

/** How many turns come before that of the address; for who is on no list, before a place may be free. Whoever comes late misses it. */
function turnsBefore(waiting: readonly WaitingShare[], share: string, address: string): number {
  const place = waiting.findIndex((one) => one.share === share);
  const round = waiting[place]?.addresses.indexOf(address);
  if (round === undefined) return waiting.length;
  if (round === -1) return place + 1;
  return waiting.reduce(
    (sum, { addresses }, at) => sum + Math.min(addresses.length, at < place ? round + 1 : round),
    0,
  );
}

function addressOf(remote: string): string {
  return remote.toLowerCase().slice(0, shareWordMax);
}

/**
 * The share of an address: an IPv4 address has one of its own, the 2^64 addresses of an IPv6 network have one together, and so have those of
 * the machine itself.
 */
export function shareOf(remote: string): string {
  const network = remoteNetworkOf(remote);
  if (remote.replace(/%.*$/, "") === "::1" || /^127\.\d+\.\d+\.\d+$/.test(network)) return "loopback";
  return network.slice(0, shareWordMax);
}
