import { toHex } from "@piccolo/bytes";
import { type TransportFault, transportFaults } from "@piccolo/storage/ports";

const hourMs = 3_600_000;

/**
 * What is known about how far the clocks of other devices are from this one's. libp2p's certificates are valid from an
 * hour before they are made, so the device whose clock is behind refuses the other, and the other only sees the
 * connection close; without this, both would be told "unreachable".
 */
export class ClockEvidence {
  /** Peer's clock minus own clock. */
  readonly #offsetMs = new Map<string, number>();
  /** Peers that are ahead by more than an hour, judged by their certificate, by how much is not known. */
  readonly #ahead = new Set<string>();

  /** A measured offset, positive where the peer's clock is ahead. */
  note(deviceKey: Uint8Array, offsetMs: number): void {
    this.#offsetMs.set(toHex(deviceKey), offsetMs);
  }

  /** The peer's certificate is not valid yet. */
  noteAhead(deviceKey: Uint8Array): void {
    this.#ahead.add(toHex(deviceKey));
  }

  /** A connection with certificates came about: the clocks are within the hour. */
  noteAgreement(deviceKey: Uint8Array): void {
    this.#ahead.delete(toHex(deviceKey));
  }

  /** The fault to throw where a connection to the peer failed, if its clock explains it. */
  faultFor(deviceKey: Uint8Array, cause: unknown): TransportFault | undefined {
    const key = toHex(deviceKey);
    const offsetMs = this.#offsetMs.get(key);
    if (offsetMs !== undefined && Math.abs(offsetMs) > hourMs * 0.95) return clockFault(offsetMs, cause, this.#isOwn());
    if (!this.#ahead.has(key)) return undefined;
    return transportFaults.fault(
      "peer-clock",
      `${this.#isOwn() ? "this device's clock seems to be behind" : "the other device's clock seems to be ahead"} ` +
        `by more than an hour; correct it`,
      { cause, details: { whose: this.#isOwn() ? "own" : "peer", atLeastMs: hourMs } },
    );
  }

  /** Where most known peers disagree in the same direction, the own clock is the wrong one. */
  #isOwn(): boolean {
    const offsets = [...this.#offsetMs.values()];
    const ahead = new Set(this.#ahead);
    for (const [key, offsetMs] of this.#offsetMs) if (offsetMs > hourMs * 0.95) ahead.add(key);
    const behind = offsets.filter((offsetMs) => offsetMs < -hourMs * 0.95).length;
    const fine = offsets.filter((offsetMs) => Math.abs(offsetMs) <= hourMs * 0.95).length;
    return Math.max(ahead.size, behind) >= 2 && Math.max(ahead.size, behind) > fine;
  }
}

function clockFault(offsetMs: number, cause: unknown, own: boolean): TransportFault {
  const hours = `${(Math.abs(offsetMs) / hourMs).toFixed(1)} hours`;
  const peerIsAhead = offsetMs > 0;
  const text = own
    ? `this device's clock seems to be ${hours} ${peerIsAhead ? "behind" : "ahead"}`
    : `the other device's clock seems to be ${hours} ${peerIsAhead ? "ahead" : "behind"}`;
  return transportFaults.fault("peer-clock", `${text}; correct it`, {
    cause,
    details: { whose: own ? "own" : "peer", offsetMs },
  });
}

/** Where it is not known who answered: a certificate of theirs is not valid yet by this device's clock. */
export function certificateFault(cause: unknown): TransportFault {
  return transportFaults.fault(
    "peer-clock",
    "this device's clock is more than an hour behind the other's; correct it",
    {
      cause,
      details: { whose: "own", atLeastMs: hourMs },
    },
  );
}
