/**
 * Stands in front of a yamux muxer (github.com/hashicorp/yamux, spec.md) that gathers a data frame whole before it looks
 * at how long the frame is: whoever announces 4 GiB has as much kept.
 */
import { malformed } from "@piccolo/bytes";

/** What one stream takes unread at most; so no sender that keeps to its window has a longer data frame. */
export const muxerWindowBytes = 1_048_576;

const headerBytes = 12;
const lengthAt = 8;
const dataFrame = 0;

/** Follows the headers in one connection's bytes, however these are cut. */
export class MuxerFrames {
  readonly #header = new Uint8Array(headerBytes);
  #headerLength = 0;
  #dataLeft = 0;

  /**
   * To be called with all bytes of the connection in their order, each time before the muxer is. Throws `malformed` at
   * the header of a data frame that is longer than the window; after that the connection is not read any more.
   */
  check(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#dataLeft > 0) {
        const passed = Math.min(this.#dataLeft, bytes.length - at);
        this.#dataLeft -= passed;
        at += passed;
        continue;
      }
      const taken = bytes.subarray(at, at + headerBytes - this.#headerLength);
      this.#header.set(taken, this.#headerLength);
      this.#headerLength += taken.length;
      at += taken.length;
      if (this.#headerLength === headerBytes) this.#judge();
    }
  }

  #judge(): void {
    this.#headerLength = 0;
    // In frames of other types the length is a number of another meaning, and nothing follows.
    if (this.#header[1] !== dataFrame) return;
    const length = new DataView(this.#header.buffer).getUint32(lengthAt);
    if (length > muxerWindowBytes) throw malformed(`a muxer's frame of ${length} bytes is announced`);
    this.#dataLeft = length;
  }
}

interface Muxer {
  onData(bytes: Uint8Array | Iterable<Uint8Array>): void;
}

interface MuxerFactory<Connection> {
  createStreamMuxer(connection: Connection): Muxer;
}

/** The same muxers, which from now on read only what passes `MuxerFrames`: they throw, and thereby end the connection. */
export function withBoundedFrames<Connection, Factory extends MuxerFactory<Connection>>(factory: Factory): Factory {
  const create = factory.createStreamMuxer.bind(factory);
  factory.createStreamMuxer = (connection) => {
    const muxer = create(connection);
    const frames = new MuxerFrames();
    const read = muxer.onData.bind(muxer);
    muxer.onData = (bytes) => {
      for (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) frames.check(piece);
      read(bytes);
    };
    return muxer;
  };
  return factory;
}
