import assert from "node:assert/strict";
import { fromHex, toHex } from "@piccolo/bytes";
import {
  type Comparison,
  decodeNvPublic,
  decodePublic,
  decodeQuote,
  emptyPolicy,
  encodeNvPublic,
  encodePublic,
  nameOf,
  parseResponseCode,
  pcrDigest,
  policyAuthorize,
  policyAuthValue,
  policyCommandCode,
  policyNv,
  policyOr,
  policyPcr,
  policySecret,
  responseFault,
} from "../src/index.ts";
import type { Operation, PolicyStep } from "./vector.ts";

function apply(digest: Uint8Array, step: PolicyStep): Uint8Array {
  switch (step.step) {
    case "pcr": {
      const values = Object.entries(step.values).map(([pcr, value]) => [Number(pcr), fromHex(value)] as const);
      return policyPcr(digest, step.pcrs, pcrDigest(new Map(values)));
    }
    case "nv": {
      const comparison = step.comparison as Comparison;
      return policyNv(digest, fromHex(step.name), { operand: fromHex(step.operand), offset: step.offset, comparison });
    }
    case "secret":
      return policySecret(digest, fromHex(step.name), fromHex(step.policyRef));
    case "authorize":
      return policyAuthorize(fromHex(step.keyName), fromHex(step.policyRef));
    case "or":
      return policyOr(step.branches.map((branch) => fromHex(branch)));
    case "command-code":
      return policyCommandCode(digest, step.code);
    case "auth-value":
      return policyAuthValue(digest);
    default:
      throw new Error("a policy step of an unknown kind");
  }
}

/** What this implementation answers to a vector, in the form of its `expect`. */
export function answer(vector: Operation): unknown {
  switch (vector.operation) {
    case "policy":
      return { digest: toHex(vector.input.steps.reduce(apply, emptyPolicy)) };
    case "object-name": {
      const bytes = fromHex(vector.input.bytes);
      assert.deepEqual(encodePublic(decodePublic(bytes)), bytes);
      return { name: toHex(nameOf(bytes)) };
    }
    case "index-name": {
      const bytes = fromHex(vector.input.bytes);
      assert.deepEqual(encodeNvPublic(decodeNvPublic(bytes)), bytes);
      return { name: toHex(nameOf(bytes)) };
    }
    case "decode-quote": {
      const quote = decodeQuote(fromHex(vector.input.bytes));
      return { nonce: toHex(quote.nonce), pcrs: quote.pcrs, pcrDigest: toHex(quote.pcrDigest) };
    }
    case "response-code": {
      const { name, about } = parseResponseCode(vector.input.code);
      const place = about === undefined ? "nothing" : `${about.what} ${about.number}`;
      return { name, about: place, fault: responseFault("command", vector.input.code).code };
    }
    default:
      throw new Error("a vector of an unknown operation");
  }
}
