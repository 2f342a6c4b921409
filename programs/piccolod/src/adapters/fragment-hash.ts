import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isSea } from "node:sea";
import { createBLAKE3 } from "hash-wasm";
import { equalConstantTime, fromHex, toUtf8 } from "@piccolo/bytes";
import type { FragmentHash } from "@piccolo/storage/fragment";

/** BLAKE3 over bytes that come one after the other. */
export interface StreamHash {
  update(bytes: Uint8Array): void;
  /** 32 bytes; nothing may follow. */
  digest(): Uint8Array;
}

/** BLAKE3 in its two forms, and which code computes it. */
export interface Blake3 {
  readonly kind: "native" | "wasm";
  readonly hash: FragmentHash;
  readonly stream: () => StreamHash;
}

interface NativeHasher {
  update(bytes: Uint8Array): unknown;
  digestBuffer(): Buffer;
}

interface NativeModule {
  readonly blake3: (bytes: Uint8Array) => Buffer;
  readonly Blake3Hasher: new () => NativeHasher;
}

/** Of the official test vectors: the empty input, and one that spans several chunks of the hash's tree. */
const vectors = [
  { input: new Uint8Array(0), digest: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" },
  {
    input: Uint8Array.from({ length: 3_073 }, (_, at) => at % 251),
    digest: "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3",
  },
  { input: toUtf8("abc"), digest: "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85" },
];

const agrees = (blake3: Blake3): boolean =>
  vectors.every(({ input, digest }) => {
    const stream = blake3.stream();
    stream.update(input.subarray(0, 1_000));
    stream.update(input.subarray(1_000));
    const expected = fromHex(digest);
    return equalConstantTime(blake3.hash(input), expected) && equalConstantTime(stream.digest(), expected);
  });

function fromNative({ blake3, Blake3Hasher }: NativeModule): Blake3 {
  return {
    kind: "native",
    hash: blake3,
    stream: () => {
      const hasher = new Blake3Hasher();
      return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digestBuffer() };
    },
  };
}

/** The WebAssembly form; `hash-wasm` keeps one state per instance, so a stream sets its own aside between updates. */
async function fromWasm(): Promise<Blake3> {
  const whole = await createBLAKE3();
  const shared = await createBLAKE3();
  return {
    kind: "wasm",
    hash: (bytes) => whole.init().update(bytes).digest("binary"),
    stream: () => {
      let state = shared.init().save();
      return {
        update: (bytes) => {
          state = shared.load(state).update(bytes).save();
        },
        digest: () => shared.load(state).digest("binary"),
      };
    },
  };
}

function loadNative(): NativeModule | undefined {
  // A Node-API file cannot be loaded from inside a single executable, so there it lies beside it.
  const name = isSea() ? join(dirname(process.execPath), "blake-hash.node") : "@napi-rs/blake-hash";
  try {
    return createRequire(isSea() ? process.execPath : import.meta.url)(name) as NativeModule;
  } catch {
    return undefined;
  }
}

/**
 * BLAKE3 in native code where the add-on is there and computes what it should, in WebAssembly otherwise: the same bytes,
 * some times slower.
 */
export async function createBlake3(native: NativeModule | undefined = loadNative()): Promise<Blake3> {
  const fast = native === undefined ? undefined : fromNative(native);
  return fast !== undefined && agrees(fast) ? fast : createWasmBlake3();
}

export async function createWasmBlake3(): Promise<Blake3> {
  const blake3 = await fromWasm();
  if (!agrees(blake3)) throw new Error("BLAKE3 in WebAssembly computes something else on this machine");
  return blake3;
}
