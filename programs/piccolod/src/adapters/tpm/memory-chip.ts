import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import { concat } from "@piccolo/bytes";
import { tpmFaults } from "@piccolo/tpm2";
import type { World } from "@piccolo/world";
import {
  type ChipDescription,
  sealedSecretBytesMax,
  type SealedUse,
  type SecurityChip,
  securityChipFaults,
} from "../../security/security-chip.ts";

export interface MemoryChipOptions {
  readonly world: World;
  /** 32 bytes that make this chip the one it is. Whoever has them opens everything it sealed: it protects nothing. */
  readonly seed: Uint8Array;
}

const uses: readonly SealedUse[] = ["volume", "pepper"];
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + nonceBytes;

/** A chip without a chip, for tests and for devices that are told to run without one. A new one is a new boot. */
export class MemoryChip implements SecurityChip {
  readonly #world: World;
  readonly #key: Uint8Array;
  #measured: readonly number[] = [];
  #windowOpen = true;
  #closed = false;

  constructor({ world, seed }: MemoryChipOptions) {
    assert.equal(seed.length, 32);
    this.#world = world;
    this.#key = new Uint8Array(createHmac("sha256", seed).update("piccolo memory chip").digest());
  }

  async seal(secret: Uint8Array, use: SealedUse): Promise<Uint8Array> {
    assert.ok(secret.length >= 1 && secret.length <= sealedSecretBytesMax, "1 to 128 bytes are sealed");
    this.#refuseClosed();
    const head = concat(Uint8Array.of(uses.indexOf(use)), this.#world.randomBytes(nonceBytes));
    const cipher = createCipheriv("aes-256-gcm", this.#key, head.subarray(1));
    cipher.setAAD(head);
    return concat(head, cipher.update(secret), cipher.final(), cipher.getAuthTag(), this.#state());
  }

  async unseal(blob: Uint8Array): Promise<Uint8Array> {
    this.#refuseClosed();
    const body = blob.subarray(0, Math.max(0, blob.length - 32));
    if (body.length <= headBytes + tagBytes) throw otherChip();
    const secret = this.#decipher(body);
    const use = uses[body[0] ?? uses.length];
    if (use === "volume" && !this.#windowOpen) {
      const message = "the volume key was used in this boot already; restart the device to use it again";
      throw securityChipFaults.fault("tpm-window-closed", message);
    }
    if (!this.#state().every((byte, at) => byte === blob[blob.length - 32 + at])) {
      throw tpmFaults.fault("tpm-policy", "the device did not start as it did before; start the unchanged system");
    }
    return secret;
  }

  #decipher(body: Uint8Array): Uint8Array {
    const decipher = createDecipheriv("aes-256-gcm", this.#key, body.subarray(1, headBytes));
    decipher.setAAD(body.subarray(0, headBytes));
    decipher.setAuthTag(body.subarray(-tagBytes));
    const plain = new Uint8Array(decipher.update(body.subarray(headBytes, -tagBytes)));
    try {
      decipher.final();
    } catch {
      throw otherChip();
    }
    return plain;
  }

  /** What was measured into PCRs 7 and 11 so far, as far as a sealed blob cares. */
  #state(): Uint8Array {
    return new Uint8Array(createHmac("sha256", this.#key).update(this.#measured.join()).digest());
  }

  #refuseClosed(): void {
    if (this.#closed) throw securityChipFaults.fault("tpm-missing", "the TPM was closed; restart the device");
  }

  async closeWindow(): Promise<void> {
    this.#refuseClosed();
    this.#windowOpen = false;
  }

  /** Stands for another firmware or system: what was sealed before stays shut. */
  measure(pcr: number): void {
    this.#measured = [...this.#measured, pcr];
  }

  async describe(): Promise<ChipDescription> {
    this.#refuseClosed();
    return { manufacturer: "none", firmware: "0", lockout: false, simulated: true };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#key.fill(0);
  }
}

function otherChip(): Error {
  return tpmFaults.fault("tpm-other-chip", "this was sealed in another TPM; enter the recovery phrase");
}
