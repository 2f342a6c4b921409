/**
 * The inner loop of the erasure code: outputs[r] = sum over s of coefficient(r, s) * sources[s] in GF(2^8), for up to
 * four outputs in one pass over the sources. All addresses are offsets into the module's memory, which its caller lays
 * out; sources lie `stride` bytes apart, and so do outputs. `length` is a multiple of 32 and not zero.
 *
 * A product is two table look-ups, one per nibble: a table of a coefficient c is 16 bytes c * 0..15, then 16 bytes
 * c * 16 * 0..15. Tables lie source by source, row by row within a source, in the order the loop reads them.
 *
 * The build compiles this file twice. relaxed_swizzle leaves open what an index above 15 gives, which never occurs
 * here, and costs one instruction less on x86.
 */

/**
 * Sixteen times 15. It is read from memory because V8 builds a constant vector anew at every use, four times in each
 * turn of the loop, but keeps a loaded one in its register: a third more speed.
 */
const nibbleMask = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);

// @ts-ignore: decorator
@inline
function lookUp(table: v128, indexes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indexes);
  return i8x16.swizzle(table, indexes);
}

// @ts-ignore: decorator
@inline
function times(tables: usize, low: v128, high: v128): v128 {
  return v128.xor(lookUp(v128.load(tables), low), lookUp(v128.load(tables, 16), high));
}

/**
 * `rows` outputs by tables and, where `sum` is set, one more in front of them that is the plain sum of the sources.
 * Where `seeded` is set, the first source has coefficient 1 in every row and no tables. Two columns of 16 bytes at a
 * time use the sixteen registers of x86 best; a fifth output would spill.
 */
// @ts-ignore: decorator
@inline
function mix(
  sum: bool,
  rows: i32,
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  const nibble = v128.load(nibbleMask);
  const width = <usize>rows << 5;
  const end = sources + length;
  const span = count * stride;
  while (sources < end) {
    let source = sources;
    const last = sources + span;
    let table = tables;
    let x0 = i64x2.splat(0);
    let x1 = i64x2.splat(0);
    let a0 = i64x2.splat(0);
    let a1 = i64x2.splat(0);
    let b0 = i64x2.splat(0);
    let b1 = i64x2.splat(0);
    let c0 = i64x2.splat(0);
    let c1 = i64x2.splat(0);
    let d0 = i64x2.splat(0);
    let d1 = i64x2.splat(0);
    if (seeded) {
      const seed0 = v128.load(source);
      const seed1 = v128.load(source, 16);
      x0 = seed0;
      x1 = seed1;
      a0 = seed0;
      a1 = seed1;
      b0 = seed0;
      b1 = seed1;
      c0 = seed0;
      c1 = seed1;
      d0 = seed0;
      d1 = seed1;
      source += stride;
    }
    while (source < last) {
      const in0 = v128.load(source);
      const in1 = v128.load(source, 16);
      if (sum) {
        x0 = v128.xor(x0, in0);
        x1 = v128.xor(x1, in1);
      }
      if (rows > 0) {
        const low0 = v128.and(in0, nibble);
        const low1 = v128.and(in1, nibble);
        const high0 = v128.and(i16x8.shr_u(in0, 4), nibble);
        const high1 = v128.and(i16x8.shr_u(in1, 4), nibble);
        a0 = v128.xor(a0, times(table, low0, high0));
        a1 = v128.xor(a1, times(table, low1, high1));
        if (rows > 1) {
          b0 = v128.xor(b0, times(table + 32, low0, high0));
          b1 = v128.xor(b1, times(table + 32, low1, high1));
        }
        if (rows > 2) {
          c0 = v128.xor(c0, times(table + 64, low0, high0));
          c1 = v128.xor(c1, times(table + 64, low1, high1));
        }
        if (rows > 3) {
          d0 = v128.xor(d0, times(table + 96, low0, high0));
          d1 = v128.xor(d1, times(table + 96, low1, high1));
        }
        table += width;
      }
      source += stride;
    }
    let output = outputs;
    if (sum) {
      v128.store(output, x0);
      v128.store(output, x1, 16);
      output += stride;
    }
    if (rows > 0) {
      v128.store(output, a0);
      v128.store(output, a1, 16);
    }
    if (rows > 1) {
      output += stride;
      v128.store(output, b0);
      v128.store(output, b1, 16);
    }
    if (rows > 2) {
      output += stride;
      v128.store(output, c0);
      v128.store(output, c1, 16);
    }
    if (rows > 3) {
      output += stride;
      v128.store(output, d0);
      v128.store(output, d1, 16);
    }
    sources += 32;
    outputs += 32;
  }
}

export function rows1(
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  mix(false, 1, seeded, tables, sources, count, outputs, stride, length);
}

export function rows2(
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  mix(false, 2, seeded, tables, sources, count, outputs, stride, length);
}

export function rows3(
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  mix(false, 3, seeded, tables, sources, count, outputs, stride, length);
}

export function rows4(
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  mix(false, 4, seeded, tables, sources, count, outputs, stride, length);
}

export function sum(
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  mix(true, 0, seeded, tables, sources, count, outputs, stride, length);
}

export function sumAnd1(
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  mix(true, 1, seeded, tables, sources, count, outputs, stride, length);
}

export function sumAnd2(
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  mix(true, 2, seeded, tables, sources, count, outputs, stride, length);
}

export function sumAnd3(
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  mix(true, 3, seeded, tables, sources, count, outputs, stride, length);
}

export function sumAnd4(
  seeded: i32,
  tables: usize,
  sources: usize,
  count: usize,
  outputs: usize,
  stride: usize,
  length: usize,
): void {
  mix(true, 4, seeded, tables, sources, count, outputs, stride, length);
}
