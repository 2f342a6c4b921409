/** Whose turn it is among strangers who have to wait together, so that one who asks from many addresses takes one share. */

const shareWordMax = 64;
/** A turn passes to the next one where nobody takes it for so long. */
export const turnMs = 30_000;
const mostWaiting = 128;

export interface Turns {
  /** When the turn of the first who waits begins. */
  readonly opensMs: number;
  /** Shares, each once, in the order of their turns. */
  readonly waiting: readonly string[];
}

export type Turn =
  | { readonly isServed: true; readonly turns: Turns }
  | { readonly isServed: false; readonly turns: Turns; readonly waitMs: number };

/** Serves the share whose turn it is, or whoever comes where none waits; others wait in the order in which they first asked. */
export function decideTurn({ opensMs, waiting }: Turns, share: string, nowMs: number): Turn {
  const passed = nowMs < opensMs ? 0 : Math.min(waiting.length, Math.floor((nowMs - opensMs) / turnMs));
  const opens = opensMs + passed * turnMs;
  const rest = waiting.slice(passed);
  if (nowMs >= opens && (rest.length === 0 || rest[0] === share)) {
    return { isServed: true, turns: { opensMs: opens, waiting: rest.slice(1) } };
  }
  const isKnown = rest.includes(share);
  const queue = isKnown || rest.length >= mostWaiting ? rest : [...rest, share];
  const place = queue.indexOf(share);
  const waitMs = opens + (place === -1 ? queue.length : place) * turnMs - nowMs;
  return { isServed: false, turns: { opensMs: opens, waiting: queue }, waitMs };
}

/**
 * The share of an address: an IPv4 address has one of its own, the 2^64 addresses of an IPv6 network have one together, and so have those of
 * the machine itself.
 */
export function shareOf(remote: string): string {
  const address = remote.toLowerCase().replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  const plain = mapped ?? address;
  if (plain === "::1" || /^127\.\d+\.\d+\.\d+$/.test(plain)) return "loopback";
  if (!plain.includes(":")) return plain.slice(0, shareWordMax);
  const [head = "", tail] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  const behind = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length);
  const whole = [...groups, ...Array.from({ length: gap }, () => "0"), ...behind];
  const network = whole.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`.slice(0, shareWordMax);
}
