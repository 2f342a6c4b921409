/** Output of containers as the interface streams it: a header of 8 bytes (stream, three zeros, length), then the bytes. */
export interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Buffer;
}

const headerBytes = 8;
const frameBytesMax = 1024 * 1024;

/** Throws an error where the bytes are no frames. */
export async function* framesOf(body: AsyncIterable<unknown>): AsyncGenerator<Frame> {
  let held: Buffer = Buffer.alloc(0);
  for await (const part of body) {
    held = held.length === 0 ? (part as Buffer) : Buffer.concat([held, part as Buffer]);
    while (held.length >= headerBytes) {
      const length = held.readUInt32BE(4);
      const stream = held[0];
      if ((stream !== 0 && stream !== 1 && stream !== 2) || length > frameBytesMax) {
        throw new Error("the output of a container is not in frames");
      }
      if (held.length < headerBytes + length) break;
      yield {
        stream: stream === 2 ? "stderr" : "stdout",
        bytes: held.subarray(headerBytes, headerBytes + length),
      };
      held = held.subarray(headerBytes + length);
    }
  }
}
