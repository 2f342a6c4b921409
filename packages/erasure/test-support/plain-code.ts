/**
 * The code of docs/spec/erasure.md written down a second time, as plainly as the spec does and without anything of
 * src: what the tests hold the package against, and what the vectors are made with.
 */

export interface PlainCode {
  readonly k: number;
  readonly n: number;
}

/** R1: polynomials multiplied bit by bit, reduced modulo 0x11d. */
export function plainProduct(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product <<= 1;
    if (product & 0x100) product ^= 0x11d;
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

const inverses = Uint8Array.from({ length: 256 }, (_, a) => {
  let b = 255;
  while (b > 0 && plainProduct(a, b) !== 1) b--;
  return b;
});

/** R2 and R3: what a byte of data shard `column` counts for in the byte of shard `index`. */
export function plainCoefficient({ k }: PlainCode, index: number, column: number): number {
  if (index < k) return index === column ? 1 : 0;
  const cauchy = (row: number, column: number): number => inverses[row ^ column] ?? 0;
  const scaledDown = plainProduct(cauchy(k, column), cauchy(index, 0));
  return plainProduct(plainProduct(cauchy(index, column), cauchy(k, 0)), inverses[scaledDown] ?? 0);
}

/** Long shards take their products from a table, which is more work than it saves for short ones. */
function timesCoefficient(coefficient: number, length: number): (byte: number) => number {
  if (length < 256) return (byte) => plainProduct(coefficient, byte);
  const products = Uint8Array.from({ length: 256 }, (_, byte) => plainProduct(coefficient, byte));
  return (byte) => products[byte] ?? 0;
}

/** R4: shard `index` of the data, a byte at a time. */
export function plainShard(code: PlainCode, data: readonly Uint8Array[], index: number): Uint8Array {
  const shard = new Uint8Array(data[0]?.length ?? 0);
  for (const [column, bytes] of data.entries()) {
    const times = timesCoefficient(plainCoefficient(code, index, column), shard.length);
    for (let at = 0; at < shard.length; at++) shard[at] = (shard[at] ?? 0) ^ times(bytes[at] ?? 0);
  }
  return shard;
}

/** The same bytes for the same seed, without a pattern that a fault in the code could hide in. */
export function noise(seed: number, length: number): Uint8Array {
  let state = (seed * 2 + 1) >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}
