import { malformed } from "@piccolo/bytes";
import { FrameReader } from "@piccolo/wire";

/** Bytes of one direction of a channel, pulled by whoever needs them: what is not pulled holds up the sender. */
export interface ChunkSource {
  /** Undefined at the sender's orderly end; rejects where the channel broke. */
  next(): Promise<Uint8Array | undefined>;
  /** Fills the memory and resolves to how much of it was filled: less only where the sender ended. */
  readInto(into: Uint8Array): Promise<number>;
}

/** Takes one message off a channel: first its frame, then, if wanted, its body. Deviations are `malformed`. */
export class MessageInlet {
  readonly #source: ChunkSource;
  readonly #reader: FrameReader;
  readonly #early: Uint8Array[] = [];
  #bodyBytes = 0;

  constructor(source: ChunkSource, maxBodyBytes: number) {
    this.#source = source;
    this.#reader = new FrameReader({ maxBodyBytes });
  }

  async frame(): Promise<{ readonly frame: Uint8Array; readonly bodyBytes: number }> {
    for (;;) {
      const chunk = await this.#source.next();
      if (chunk === undefined) this.#reader.finish();
      let found: { readonly frame: Uint8Array; readonly bodyBytes: number } | undefined;
      for (const event of this.#reader.push(chunk ?? new Uint8Array(0))) {
        if (event.type === "frame") found = event;
        else if (event.type === "body") this.#early.push(event.bytes);
      }
      if (found === undefined) continue;
      this.#bodyBytes = found.bodyBytes;
      return found;
    }
  }

  /**
   * In one piece, in memory of its own, read to the end of the channel: nothing may follow the message. The bytes go
   * from the channel's chunks straight to their place.
   */
  async body(): Promise<readonly Uint8Array[]> {
    // All of it is written over before anybody sees it.
    const body = Buffer.allocUnsafeSlow(this.#bodyBytes);
    let at = 0;
    for (const bytes of this.#early.splice(0)) {
      body.set(bytes, at);
      at += bytes.length;
    }
    if (at < body.length && (await this.#source.readInto(body.subarray(at))) < body.length - at) this.#reader.finish();
    const more = await this.#source.next();
    if (more !== undefined) throw malformed(`${more.length} bytes follow the message`);
    return body.length === 0 ? [] : [body];
  }
}
