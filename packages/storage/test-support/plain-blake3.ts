/**
 * BLAKE3 as its paper writes it down, 32 bytes of output, without a key: slow, plain, and nothing of the library that
 * the product hashes with. https://github.com/BLAKE3-team/BLAKE3-specs, sections 2.1 to 2.5.
 */

const iv = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19] as const;
const permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8] as const;
/** Which four words each of the eight mixings of a round takes: columns, then diagonals. */
const mixings = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;
const chunkBytes = 1024;
const blockBytes = 64;
const flag = { chunkStart: 1, chunkEnd: 2, parent: 4, root: 8 } as const;

const word = (words: Uint32Array, at: number): number => words[at] ?? 0;
const rotated = (value: number, by: number): number => (value >>> by) | (value << (32 - by));

function mix(state: Uint32Array, [a, b, c, d]: (typeof mixings)[number], first: number, second: number): void {
  for (const [message, turnD, turnB] of [
    [first, 16, 12],
    [second, 8, 7],
  ] as const) {
    state[a] = word(state, a) + word(state, b) + message;
    state[d] = rotated(word(state, d) ^ word(state, a), turnD);
    state[c] = word(state, c) + word(state, d);
    state[b] = rotated(word(state, b) ^ word(state, c), turnB);
  }
}

/** The first eight words of the compression function's output. */
function compress(chaining: Uint32Array, block: Uint8Array, counter: number, flags: number): Uint32Array {
  const padded = new Uint8Array(blockBytes);
  padded.set(block);
  const view = new DataView(padded.buffer);
  let message = Uint32Array.from({ length: 16 }, (_, at) => view.getUint32(4 * at, true));
  const state = Uint32Array.of(...chaining, ...iv.slice(0, 4), counter, 0, block.length, flags);
  for (let round = 0; round < 7; round++) {
    for (const [at, four] of mixings.entries()) mix(state, four, word(message, 2 * at), word(message, 2 * at + 1));
    message = Uint32Array.from(permutation, (from) => word(message, from));
  }
  return Uint32Array.from({ length: 8 }, (_, at) => word(state, at) ^ word(state, at + 8));
}

function chunkValue(chunk: Uint8Array, counter: number, isRoot: boolean): Uint32Array {
  let chaining: Uint32Array = Uint32Array.from(iv);
  const blocks = Math.max(1, Math.ceil(chunk.length / blockBytes));
  for (let at = 0; at < blocks; at++) {
    const isLast = at === blocks - 1;
    const flags = (at === 0 ? flag.chunkStart : 0) | (isLast ? flag.chunkEnd : 0) | (isLast && isRoot ? flag.root : 0);
    chaining = compress(chaining, chunk.subarray(at * blockBytes, (at + 1) * blockBytes), counter, flags);
  }
  return chaining;
}

function littleEndian(...words: Uint32Array[]): Uint8Array {
  const bytes = new Uint8Array(32 * words.length);
  const view = new DataView(bytes.buffer);
  for (const [at, eight] of words.entries()) {
    for (let index = 0; index < 8; index++) view.setUint32(32 * at + 4 * index, word(eight, index), true);
  }
  return bytes;
}

/** The left subtree is the largest whole one that leaves at least a byte to the right. */
function subtree(bytes: Uint8Array, firstChunk: number, isRoot: boolean): Uint32Array {
  if (bytes.length <= chunkBytes) return chunkValue(bytes, firstChunk, isRoot);
  let leftChunks = 1;
  while (2 * leftChunks * chunkBytes < bytes.length) leftChunks *= 2;
  const cut = leftChunks * chunkBytes;
  const children = littleEndian(
    subtree(bytes.subarray(0, cut), firstChunk, false),
    subtree(bytes.subarray(cut), firstChunk + leftChunks, false),
  );
  return compress(Uint32Array.from(iv), children, 0, flag.parent | (isRoot ? flag.root : 0));
}

export function plainBlake3(bytes: Uint8Array): Uint8Array {
  return littleEndian(subtree(bytes, 0, true));
}
