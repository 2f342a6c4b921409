import assert from "node:assert/strict";
import { concat, fromHex, toHex } from "@piccolo/bytes";
import { readVectors, testVectors } from "../../../tools/vectors.ts";
import { extentCases, patternBytes, sealFor, sha256Hex } from "../test-support/extent-cases.ts";
import { keyCases } from "../test-support/key-cases.ts";
import type { ExtentInput, KeysInput, Operation, SealedPart, StatementInput, Vector } from "../test-support/vector.ts";
import { verifyDeviceCertificate } from "./device-certificate.ts";
import { ed25519FromSeed } from "./ed25519.ts";
import { createExtentOpener, openExtent } from "./extent.ts";
import { deriveKey } from "./key-tree.ts";
import { deriveOwnerKeys, type OwnerKeys } from "./owner-keys.ts";
import { definePurpose, encodeStatement, signStatement, type Statement, verifyStatement } from "./statement.ts";

const vectors = readVectors<Vector>("envelope");

function sealedBytes(parts: readonly SealedPart[]): Uint8Array {
  return concat(
    ...parts.map((part) => {
      if ("hex" in part) return fromHex(part.hex);
      const source = vectors.get(part.of);
      assert.ok(source?.operation === "seal-extent");
      return sealFor(source.input, source.input.plain).subarray(part.from, part.to);
    }),
  );
}

function keysOf({ rootSecret, epoch, account }: KeysInput): OwnerKeys {
  return deriveOwnerKeys(fromHex(rootSecret), epoch, account === null ? undefined : fromHex(account));
}

function extentOf(input: ExtentInput & { readonly plainBytes: number }): Parameters<typeof createExtentOpener>[0] {
  return {
    fek: fromHex(input.fek),
    versionId: fromHex(input.versionId),
    ordinal: input.ordinal,
    salt: fromHex(input.salt),
    plainBytes: input.plainBytes,
  };
}

function statementOf(input: Omit<StatementInput, "publicKey">): Statement {
  return {
    purpose: definePurpose(input.purpose, input.networkRule),
    network: input.network === null ? undefined : fromHex(input.network),
    account: fromHex(input.account),
    body: fromHex(input.body),
  };
}

/** What this implementation answers to a vector, in the form of its `expect`. */
function answer(vector: Operation): unknown {
  switch (vector.operation) {
    case "derive-keys": {
      const keys = keysOf(vector.input);
      return {
        kek: toHex(deriveKey(fromHex(vector.input.rootSecret), "kek")),
        metadataKey: toHex(keys.metadataKey()),
        ownerPublicKey: toHex(keys.ownerPublicKey),
        filePublicKey: toHex(keys.filePublicKey),
        account: toHex(keys.account),
      };
    }
    case "wrap-fek": {
      const { fek, versionId } = vector.input;
      return { wrapped: toHex(keysOf(vector.input).wrapFek(fromHex(fek), fromHex(versionId))) };
    }
    case "unwrap-fek": {
      const { wrapped, versionId } = vector.input;
      return { fek: toHex(keysOf(vector.input).unwrapFek(fromHex(wrapped), fromHex(versionId))) };
    }
    case "sign-statement": {
      const key = ed25519FromSeed(fromHex(vector.input.seed));
      const statement = statementOf(vector.input);
      return {
        statement: toHex(encodeStatement(statement)),
        publicKey: toHex(key.publicKey),
        signature: toHex(signStatement(key, statement)),
      };
    }
    case "verify-statement": {
      const { publicKey, signature } = vector.input;
      return { valid: verifyStatement(fromHex(publicKey), statementOf(vector.input), fromHex(signature)) };
    }
    case "verify-device-certificate": {
      const { account, ownerPublicKey, deviceKey, deviceEpoch, signature } = vector.input;
      const owner = { account: fromHex(account), ownerPublicKey: fromHex(ownerPublicKey) };
      const certificate = { deviceKey: fromHex(deviceKey), deviceEpoch, signature: fromHex(signature) };
      return { valid: verifyDeviceCertificate(owner, certificate) };
    }
    case "seal-extent": {
      const sealed = sealFor(vector.input, vector.input.plain);
      return {
        sealedBytes: sealed.length,
        sealedSha256: sha256Hex(sealed),
        ...(vector.expect.sealed === undefined ? {} : { sealed: toHex(sealed) }),
      };
    }
    case "open-extent": {
      const plain = openExtent(extentOf(vector.input), sealedBytes(vector.input.sealed));
      assert.ok("plain" in vector.expect, "it opened");
      assert.equal(sha256Hex(plain), sha256Hex(patternBytes(vector.expect.plain)));
      return vector.expect;
    }
    case "open-chunk": {
      const opener = createExtentOpener(extentOf(vector.input));
      return { plainSha256: sha256Hex(opener.openChunk(vector.input.chunk, sealedBytes(vector.input.sealed))) };
    }
    default:
      throw new Error("a vector of an unknown operation");
  }
}

testVectors(vectors, answer, () => ({ ...keyCases(), ...extentCases() }));
