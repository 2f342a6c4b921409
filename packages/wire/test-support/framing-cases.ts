import { toHex } from "@piccolo/bytes";
import { encodeFraming } from "../src/index.ts";
import type { BytesPart, Operation, VectorSet } from "./vector.ts";

export function framingCases(): VectorSet {
  const set: VectorSet = {};
  const add = (
    name: string,
    rule: string,
    about: string,
    stream: readonly BytesPart[],
    expect: Extract<Operation, { operation: "read-framing" }>["expect"],
    maxBodyBytes = 8_388_608,
  ): void => {
    const input = { stream, maxBodyBytes };
    set[`framing-${name}`] = { spec: "wire/1", rule, about, operation: "read-framing", input, expect };
  };
  const isMalformed = { fault: "malformed" };
  const frame = new Uint8Array([1, 129]);
  add("no-frame", "W2", "A frame of 0 bytes.", ["000000000000000000000000"], isMalformed);
  add("long-frame", "W2", "A frame of 65,537 bytes.", ["000100010000000000000000"], isMalformed);
  add("endless-frame", "W2", "A frame of 4 GiB.", ["ffffffff0000000000000000"], isMalformed);
  add("long-body", "W2", "A body of 8 MiB and a byte.", ["000000020000000000800001"], isMalformed);
  add("endless-body", "W2", "A body of 2^64 - 1 bytes.", ["00000002ffffffffffffffff"], isMalformed);
  add("over-own-bound", "W4", "A body over what is asked for.", ["000000020000000000000003"], isMalformed, 2);
  add("longer", "W3", "A byte follows the message.", [toHex(encodeFraming(frame, 0)), "00"], isMalformed);
  add("body-longer", "W3", "A byte follows the body.", [toHex(encodeFraming(frame, 3)), "aabbcc00"], isMalformed);
  add("prefix-cut", "W3", "The stream ends within the prefix.", ["00000002000000000000"], { waiting: true });
  add("frame-cut", "W3", "The stream ends within the frame.", ["00000002000000000000000001"], { waiting: true });
  add("body-cut", "W3", "The stream ends within the body.", [toHex(encodeFraming(frame, 3)), "aabb"], {
    waiting: true,
  });
  add("longest-frame", "W2", "A frame of 65,536 bytes may come.", ["000100000000000000000000"], { waiting: true });
  add("longest-body", "W2", "A body of 8 MiB may come.", ["000000020000000000800000"], { waiting: true });
  add("whole", "W1", "A frame alone.", [toHex(encodeFraming(frame, 0))], { frame: "0181", body: "" });
  add("with-body", "W1", "A frame and a body.", [toHex(encodeFraming(frame, 3)), "aabbcc"], {
    frame: "0181",
    body: "aabbcc",
  });
  return set;
}
