import { argon2 } from "node:crypto";
import { promisify } from "node:util";
import { equalConstantTime, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";

const derive = promisify(argon2);

/** How a password was hashed; kept with the hash, so that later devices can ask for more. */
export interface PasswordCheck {
  readonly algorithm: "argon2id";
  readonly memoryKiB: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

const memoryKiB = 64 * 1024;
const passes = 3;
const parallelism = 1;
const hashBytes = 32;

/** One derivation at a time: each takes its memory, and strangers may ask for many. */
let last: Promise<unknown> = Promise.resolve();

function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const mine = last.then(work, work);
  last = mine.catch(() => undefined);
  return mine;
}

async function hashPassword(password: string, check: Omit<PasswordCheck, "hash">): Promise<Uint8Array> {
  const options = {
    message: toUtf8(password.normalize("NFC")),
    nonce: check.salt,
    memory: check.memoryKiB,
    passes: check.passes,
    parallelism: check.parallelism,
    tagLength: hashBytes,
  };
  return new Uint8Array(await oneAtATime(() => derive(check.algorithm, options)));
}

export async function makePasswordCheck(password: string, world: World): Promise<PasswordCheck> {
  const check = { algorithm: "argon2id", memoryKiB, passes, parallelism, salt: world.randomBytes(16) } as const;
  return { ...check, hash: await hashPassword(password, check) };
}

export async function passwordFits(password: string, check: PasswordCheck): Promise<boolean> {
  return equalConstantTime(await hashPassword(password, check), check.hash);
}
