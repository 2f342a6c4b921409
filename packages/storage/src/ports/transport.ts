/**
 * Carries one request to one peer and its response back, over an authenticated and encrypted channel. Frames are wire
 * messages (docs/spec/wire.md); a body follows a frame whose message announces its length. The transport knows nothing
 * of their meaning, so libp2p, direct mutual TLS and the in-memory fake are interchangeable.
 */
export interface PeerTransport {
  /**
   * Failures are Faults: `peer-unreachable`, `peer-clock` (certificate times disagree; the message names whose clock),
   * `peer-timeout`, `peer-protocol` (endless or malformed frame). Aborting rejects with the signal's reason.
   * The body is sent as it is and must not be changed until the promise settles.
   */
  request(peer: PeerTarget, request: Message, options: RequestOptions): Promise<Message>;
}

export interface PeerTarget {
  /** Ed25519 public key of the device, 32 bytes: the channel must prove exactly this key. */
  readonly deviceKey: Uint8Array;
  /** Multiaddrs under which the device was last seen, best first. */
  readonly addresses: readonly string[];
}

export interface Message {
  readonly frame: Uint8Array;
  /** Bytes after the frame, in pieces; their sum is what the frame's message announces. */
  readonly body: readonly Uint8Array[];
  /**
   * Frees the body's memory. Whoever gets a message may call it once nobody reads the body any more; a body that is not
   * released is the collector's.
   */
  readonly release?: (() => void) | undefined;
}

export interface RequestOptions {
  /** Longer responses are refused as `peer-protocol`. */
  readonly maxBodyBytes: number;
  readonly signal: AbortSignal;
}

/** The serving side: the transport calls it with the key the channel proved. Rejections become an `internal` refusal. */
export interface PeerHandler {
  /** Looks at the frame before the body is read: how many bytes the body may have, or a refusal to send at once. */
  admit(
    deviceKey: Uint8Array,
    frame: Uint8Array,
  ): { readonly bodyBytes: number; readonly release: () => void } | { readonly refusal: Message };
  /**
   * Called only after `admit` granted; `release` is called by the transport once, whatever happens. The request's body
   * is the transport's again as soon as the response has been sent.
   */
  handle(deviceKey: Uint8Array, request: Message, signal: AbortSignal): Promise<Message>;
}
