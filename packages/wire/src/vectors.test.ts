import assert from "node:assert/strict";
import { concat, fromHex, toHex } from "@piccolo/bytes";
import { readVectors, testVectors } from "../../../tools/vectors.ts";
import { framingCases } from "../test-support/framing-cases.ts";
import { logMessageCases } from "../test-support/log-message-cases.ts";
import { recoverCases } from "../test-support/recover-cases.ts";
import { messageCases, shown } from "../test-support/message-cases.ts";
import type { BytesPart, Operation, Vector } from "../test-support/vector.ts";
import {
  decodeLogRequest,
  decodeLogResponse,
  decodeRecoverRequest,
  decodeRecoverResponse,
  decodeRequest,
  decodeResponse,
  encodeLogRequest,
  encodeLogResponse,
  encodeRecoverRequest,
  encodeRecoverResponse,
  encodeRequest,
  encodeResponse,
  FrameReader,
  isLogRequest,
} from "./index.ts";

const vectors = readVectors<Vector>("wire");

function bytesOf(parts: readonly BytesPart[]): Uint8Array {
  return concat(...parts.map((part) => fromHex(typeof part === "string" ? part : part.repeat.repeat(part.count))));
}

/** What this implementation answers to a vector, in the form of its `expect`. */
function answer(vector: Operation): unknown {
  switch (vector.operation) {
    case "decode-request": {
      const frame = bytesOf(vector.input.frame);
      const message = decodeRequest(frame);
      assert.deepEqual(encodeRequest(message), frame);
      return { message: shown(message) };
    }
    case "decode-response": {
      const frame = bytesOf(vector.input.frame);
      const message = decodeResponse(frame);
      assert.deepEqual(encodeResponse(message), frame);
      return { message: shown(message) };
    }
    case "decode-log-request": {
      const frame = bytesOf(vector.input.frame);
      const message = decodeLogRequest(frame);
      assert.ok(isLogRequest(frame));
      assert.deepEqual(encodeLogRequest(message), frame);
      return { message: shown(message) };
    }
    case "decode-log-response": {
      const frame = bytesOf(vector.input.frame);
      const message = decodeLogResponse(frame);
      assert.deepEqual(encodeLogResponse(message), frame);
      return { message: shown(message) };
    }
    case "decode-recover-request": {
      const frame = bytesOf(vector.input.frame);
      const message = decodeRecoverRequest(frame);
      assert.deepEqual(encodeRecoverRequest(message), frame);
      return { message: shown(message) };
    }
    case "decode-recover-response": {
      const frame = bytesOf(vector.input.frame);
      const message = decodeRecoverResponse(frame);
      assert.deepEqual(encodeRecoverResponse(message), frame);
      return { message: shown(message) };
    }
    case "read-framing": {
      const reader = new FrameReader({ maxBodyBytes: vector.input.maxBodyBytes });
      const events = reader.push(bytesOf(vector.input.stream));
      if (!reader.ended) {
        assert.throws(() => reader.finish(), { code: "malformed" });
        return { waiting: true };
      }
      const frames = events.flatMap((event) => (event.type === "frame" ? [toHex(event.frame)] : []));
      const body = events.flatMap((event) => (event.type === "body" ? [toHex(event.bytes)] : []));
      return { frame: frames.join(""), body: body.join("") };
    }
    default:
      throw new Error("a vector of an unknown operation");
  }
}

testVectors(vectors, answer, () => ({ ...messageCases(), ...logMessageCases(), ...recoverCases(), ...framingCases() }));
