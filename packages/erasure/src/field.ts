/** Arithmetic in GF(2^8), the polynomials over GF(2) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11d); a sum is an xor. */

const polynomial = 0x11d;

/** Powers of x, which generates the field's 255 non-zero elements; written twice, so that a sum of logarithms needs no modulo. */
const powers = new Uint8Array(510);
const logarithms = new Uint8Array(256);
let power = 1;
for (let exponent = 0; exponent < 255; exponent++) {
  powers[exponent] = power;
  powers[exponent + 255] = power;
  logarithms[power] = exponent;
  power <<= 1;
  if (power > 0xff) power ^= polynomial;
}

function at(table: Uint8Array, index: number): number {
  return table[index] ?? 0;
}

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : at(powers, at(logarithms, a) + at(logarithms, b));
}

/** `a` must not be 0. */
export function inverse(a: number): number {
  return at(powers, 255 - at(logarithms, a));
}
