import { z } from "zod";
import { fromHex, fromUtf8, toHex, toUtf8 } from "@piccolo/bytes";
import { catalogue } from "@piccolo/fault";
import type { StateFolder } from "../adapters/state-folder.ts";
import type { PasswordCheck } from "./password.ts";

export const vaultFaults = catalogue({
  "vault-damaged": {
    retry: "never",
    meaning: "The file with the owner's keys is damaged; the device cannot go on without it.",
  },
});

/** What makes this device an owner's. */
export interface Owner {
  readonly name: string;
  readonly epoch: number;
  /** 32 bytes. */
  readonly rootSecret: Uint8Array;
  readonly password: PasswordCheck;
}

/** Keeps the owner's root secret and the check of the password. */
export interface OwnerVault {
  /** Undefined before the claim. Throws `vault-damaged`: absent keys are never taken for a new device. */
  read(): Owner | undefined;
  /** Durable when it returns. */
  write(owner: Owner): void;
}

const fileName = "owner.json";
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const OwnerFile = z.strictObject({
  format: z.literal(1),
  name: z.string(),
  epoch: z.int().min(1),
  rootSecret: hex(32),
  password: z.strictObject({
    algorithm: z.literal("argon2id"),
    memoryKiB: z.int().min(8),
    passes: z.int().min(1),
    parallelism: z.int().min(1),
    salt: hex(16),
    hash: hex(32),
  }),
});

/** A file in the state folder, which is as safe as the folder: later the root secret lies in slots instead. */
export class FileVault implements OwnerVault {
  readonly #state: StateFolder;

  constructor(state: StateFolder) {
    this.#state = state;
  }

  read(): Owner | undefined {
    const bytes = this.#state.read(fileName);
    if (bytes === undefined) return undefined;
    try {
      const file = OwnerFile.parse(JSON.parse(fromUtf8(bytes)));
      const { salt, hash, ...parameters } = file.password;
      return {
        name: file.name,
        epoch: file.epoch,
        rootSecret: fromHex(file.rootSecret),
        password: { ...parameters, salt: fromHex(salt), hash: fromHex(hash) },
      };
    } catch {
      // The parser's own words may quote the file, and the file holds secrets: no cause is passed on.
      throw vaultFaults.fault("vault-damaged", `${this.#state.file(fileName)} is damaged; restore it from a copy`);
    }
  }

  write(owner: Owner): void {
    const { salt, hash, ...parameters } = owner.password;
    const file: z.input<typeof OwnerFile> = {
      format: 1,
      name: owner.name,
      epoch: owner.epoch,
      rootSecret: toHex(owner.rootSecret),
      password: { ...parameters, salt: toHex(salt), hash: toHex(hash) },
    };
    this.#state.write(fileName, toUtf8(`${JSON.stringify(file)}\n`));
  }
}
