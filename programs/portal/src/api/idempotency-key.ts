/**
 * A name for one request, under which the device gives the first reply again instead of doing it twice. Made of random
 * bytes: `crypto.randomUUID` is missing where the page came over plain HTTP from another machine.
 */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
