import { argon2 } from "node:crypto";
import { promisify } from "node:util";
import type { Argon2id } from "@piccolo/envelope";

const derive = promisify(argon2);

const deriveHere: Argon2id = async ({ password, salt, memoryKiB, passes, parallelism, outputBytes }) =>
  new Uint8Array(
    await derive("argon2id", {
      message: password,
      nonce: salt,
      memory: memoryKiB,
      passes,
      parallelism,
      tagLength: outputBytes,
    }),
  );

/**
 * One derivation at a time, in the order in which they were asked for: each takes its memory, and strangers may ask for
 * many. How many wait is bounded by the throttle that stands before every attempt.
 */
export function oneAtATime(deriveOne: Argon2id = deriveHere): Argon2id {
  let last: Promise<unknown> = Promise.resolve();
  return (input) => {
    const mine = last.then(() => deriveOne(input));
    last = mine.catch(() => undefined);
    return mine;
  };
}
