/** A public authority in memory: it looks for the proofs where a real one would, and signs with a key nobody trusts. */
import { setTimeout as delay } from "node:timers/promises";
import type { World } from "@piccolo/world";
import { authoritySeedBytes, keyOfSeed, leafDays, makeAuthority, makeLeaf } from "../src/adapters/tls/certificates.ts";
import { pem } from "../src/adapters/tls/der.ts";
import {
  type CertificateIssuer,
  type CertificateOrder,
  type IssuedCertificate,
  issuerFaults,
  type Proof,
  type ProofPlace,
} from "../src/http/certificates/certificate-issuer.ts";

const dayMs = 86_400_000;
const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
const namesMax = 100;

export class MemoryIssuer implements CertificateIssuer {
  readonly #world: World;
  readonly #seen: (proof: Proof) => string | undefined;
  readonly #authority;
  /** What it does instead of issuing. */
  trouble: "unreachable" | { readonly busyForMs: number } | undefined;

  /** `seen`: what anybody sees at the place a proof would be. */
  constructor(world: World, seen: (proof: Proof) => string | undefined) {
    this.#world = world;
    this.#seen = seen;
    const key = keyOfSeed(world.randomBytes(authoritySeedBytes));
    if (key === undefined) throw new Error("one seed in very many is no key");
    this.#authority = makeAuthority(key, "in memory", world.randomBytes(16));
  }

  async issue({ names, key, signal }: CertificateOrder, proofs: ProofPlace): Promise<IssuedCertificate> {
    signal?.throwIfAborted();
    if (this.trouble === "unreachable") throw issuerFaults.fault("issuer-unreachable", "nobody answers");
    if (this.trouble !== undefined) {
      const details = { retryAfterMs: this.trouble.busyForMs };
      throw issuerFaults.fault("issuer-busy", "too many orders", { details });
    }
    if (names.length === 0 || names.length > namesMax || !names.every(isPublicName)) {
      throw issuerFaults.fault("issuer-refused", "not every name is one of the internet");
    }
    for (const name of names) await this.#prove(this.#proofOf(name, proofs), proofs, signal);
    const nowMs = this.#world.nowMs();
    const random = this.#world.randomBytes(16);
    const leaf = makeLeaf({ authority: this.#authority, deviceName: "in memory", key, names, nowMs, random });
    return {
      chain: pem("CERTIFICATE", leaf) + pem("CERTIFICATE", this.#authority.certificate),
      notBeforeMs: nowMs - 2 * dayMs,
      notAfterMs: nowMs + (leafDays - 2) * dayMs,
    };
  }

  #proofOf(name: string, { kinds }: ProofPlace): Proof {
    const text = (): string => Buffer.from(this.#world.randomBytes(16)).toString("base64url");
    const [kind] = kinds;
    if (kind === undefined) throw issuerFaults.fault("proof-refused", "nothing can be shown");
    return kind === "dns-01" ? { kind, name, content: text() } : { kind, name, token: text(), content: text() };
  }

  async #prove(proof: Proof, proofs: ProofPlace, signal: AbortSignal | undefined): Promise<void> {
    try {
      await proofs.show(proof);
      // A real one takes a while to look; whoever waits may give up meanwhile.
      await delay(1);
      signal?.throwIfAborted();
      if (this.#seen(proof) !== proof.content)
        throw issuerFaults.fault("proof-refused", `nothing to see at ${proof.name}`);
    } finally {
      await proofs.hide(proof);
    }
  }
}

function isPublicName(name: string): boolean {
  const labels = name.split(".");
  const last = labels.at(-1) ?? "";
  return (
    labels.length >= 2 &&
    labels.every((one) => label.test(one)) &&
    !/^\d+$/.test(last) &&
    !["local", "localhost", "internal"].includes(last)
  );
}
