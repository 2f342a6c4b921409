import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { certificateIssuerSuite, type IssuerScene } from "../../../test-support/certificate-issuer-suite.ts";
import { MemoryIssuer } from "../../../test-support/memory-issuer.ts";
import type { Proof } from "./certificate-issuer.ts";

function scene(): IssuerScene & { readonly issuer: MemoryIssuer } {
  const shown = new Map<string, Proof>();
  const placeOf = (proof: Proof): string =>
    `${proof.kind} ${proof.name} ${proof.kind === "http-01" ? proof.token : ""}`;
  return {
    issuer: new MemoryIssuer(realWorld, (proof) => shown.get(placeOf(proof))?.content),
    names: ["hall.example.org", "notes.hall.example.org"],
    place: {
      kinds: ["dns-01", "http-01"],
      show: async (proof) => void shown.set(placeOf(proof), proof),
      hide: async (proof) => void shown.delete(placeOf(proof)),
    },
    shown: () => [...shown.values()],
  };
}

certificateIssuerSuite("memory", scene);

test("an authority that is away, or asks to wait, says so", async () => {
  const { issuer, names, place } = scene();
  const order = { names, key: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey };
  issuer.trouble = "unreachable";
  await assert.rejects(issuer.issue(order, place), { code: "issuer-unreachable", retry: "later" });
  issuer.trouble = { busyForMs: 5_000 };
  await assert.rejects(issuer.issue(order, place), { code: "issuer-busy", details: { retryAfterMs: 5_000 } });
});
