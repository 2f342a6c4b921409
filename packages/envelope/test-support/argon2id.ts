import { argon2Sync } from "node:crypto";
import type { Argon2id, PasswordCost } from "../src/password-slot.ts";

/** The least that Argon2id allows, for tests. */
export const leastCost: PasswordCost = { memoryKiB: 8, passes: 1, parallelism: 1 };

/** In this thread: tests ask for little. */
export const argon2id: Argon2id = ({ password, salt, memoryKiB, passes, parallelism, outputBytes }) =>
  Promise.resolve(
    new Uint8Array(
      argon2Sync("argon2id", {
        message: password,
        nonce: salt,
        memory: memoryKiB,
        passes,
        parallelism,
        tagLength: outputBytes,
      }),
    ),
  );
