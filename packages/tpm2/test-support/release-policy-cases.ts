/** The vectors in vectors/release-policy; writing them: `node packages/tpm2/test-support/write-release-policy-vectors.ts`. */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { fromHex, toHex } from "@piccolo/bytes";
import {
  isSignedPolicy,
  keyFingerprint,
  parseReleasePolicies,
  policiesToSign,
  sha256,
  type SignedPolicy,
  writeReleasePolicies,
} from "../src/index.ts";

export type Operation =
  | {
      readonly operation: "to-sign";
      readonly input: { readonly release: number; readonly sysinit: string; readonly ready: string };
    }
  | { readonly operation: "parse"; readonly input: { readonly text: string } };

export type Vector = Operation & {
  readonly spec: "release-policy/1";
  readonly rule: string;
  readonly about: string;
  readonly expect: unknown;
};

/** What this implementation answers to a vector, in the form of its `expect`. */
export function answer(vector: Operation): unknown {
  if (vector.operation === "to-sign") {
    const { release, sysinit, ready } = vector.input;
    return policiesToSign({ release, pcr11: { sysinit: fromHex(sysinit), ready: fromHex(ready) } }).map((each) => ({
      use: each.use,
      phase: each.phase,
      policy: toHex(each.policy),
      message: toHex(each.message),
    }));
  }
  const found = parseReleasePolicies(vector.input.text);
  if (found === undefined) return "absent";
  return {
    release: found.release,
    policies: found.policies.map((each) => ({
      use: each.use,
      phase: each.phase,
      key: keyFingerprint(each.key),
      policy: toHex(each.policy),
      isSigned: isSignedPolicy(each),
    })),
  };
}

/** An RSA key made for these vectors, and of no release: its signatures are the same each time. */
const privateKey = createPrivateKey({
  key: Buffer.from(
    [
      "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCfmdUCSO1zZxyRxhG8RHU9KkyZ+5ZNUl9E3oqpb7ElDgdNYmzo",
      "LvfnamqFUU9Ybo9shPuvePU/nJd7seHKRnwYnwfTMGmHc7aJNgsSoa4ABO4mmm4hVcMvBQDT+bBxB/XMZk3eesFDt17pRIpC4KQA",
      "sO9LrOI+f/tJpjVTldRwmuMpM25i4+cQgPgTtpcoFuj5Lu1RE9TtkIAJXqj1TxxlK21m809TnhrVRJyQWtpTc6HIeyHEzHW1fsrR",
      "qB9wnL511gRrRbo7fDo+4VZs+PH7Qitb4ySMlQTS6aFOt6UkYU4jYBorjRo//3qB201jFrv9MgOS1NIn5e2Gq5QWJajbAgMBAAEC",
      "ggEAPFrQtjH89cC/CZNlHpSm31ARMsP1BV2KoIEl38hYraId+dIoTC+C2TUhfjQO9Oque0PY5/UujXU6xfCxaax4/liZfXBX3/zO",
      "wRm6WzvgEKrMorWQwzNrAet68i6A3mW7uqXPebxjPKfqEP216W+JJafDfpMs5aTBUwszLF5DPaeEKyXna2xKj+OT7UHTcs7Ui5pN",
      "maYhV9cL9tqjYbek2HYqD+v1XSIcVBrzfZV6eX0NlZydybnmlwILGxwGqiW47k2mFtv1GPMrVyHGbYGp1sg3szZli+MXtrpJg9ay",
      "4ebLnQryCC8071aHG4kQLftp5Pj1VgYlNBjMmA3iPLN2YQKBgQDN5XjeKSEQc+fosWT+Q3hyzzHLfrYkYuAykKt9FtvfREhYtA4w",
      "efRDlXAEXFL4kbJDonhGmifyQqWKtNPd624ty6CfKOozPMDajnfnFbifNZdVSn351j72m4HILm0ZpShfVCny0XE/Mi8qn6jrTQIW",
      "7gVEPig2TQbHZ5Bpub7uIQKBgQDGcFX0LNotiZB+ZCefEucDEu4LOf++SmJBWybEDeSf4dIJeZeXAGI3fzgrYyN59N7PpZU/BJJM",
      "pDjX2xn4xKMLW5xm5slUcZPDMy/LxA+PQGwF4jraz521vHbpQRhnSTks6WldysJlbpiN4Vu9dHhgfQZeyrgs6gUQ/SyRTatfewKB",
      "gFq88GFn2sx3aBKiaxGrBmACc71soDS05n0iSJEeC9P/Mar13vL6K+3E49LoJSCqhNdNuJfUxBn9yRqxylUYtju0a5r42w2tjohD",
      "FRBgADcZ1RGffJkoFCN2MOHZo/cTVBF+8+Ww66mgIi00o6rfCzazutpyUiJsG7qxJ3GQjFZBAoGBAJK12QaW5pOGQjr/xz9XlU3z",
      "f+Ty8353th8Fyipm7yG5rjTtHcM5OGQ5fYiuWjs/bD/u9uHJenSJcbE9Pv1qO/UYvRBjDnSNKCbIQE0RXkOV6IeNE+BUYRBND0ky",
      "pF0wiMIIq6r5TjH5y3YSKGZwptMHfF8212X1etttoramys3jAoGBALfU2jGX0GT2dK4HBXkhnL0+Mc5neFSt6I/HJbLNQNrxYmAO",
      "0y/ju+AhxohLxQQ3bQmc8ffdkmC+jBxDmJBTOtIltfkscMHu42q5vjrFZD8uT3qOsD+68qmL6J1bRqkIh43pF5adps4pEDqcOyqL",
      "XZAZxCVsL7t4MMYoEkzqoCkn",
    ].join(""),
    "base64",
  ),
  format: "der",
  type: "pkcs8",
});

export function cases(): Record<string, Vector> {
  const set: Record<string, Vector> = {};
  const add = (name: string, rule: string, about: string, asked: Operation, fault?: string): void => {
    const expect = fault === undefined ? answer(asked) : { fault };
    set[name] = { spec: "release-policy/1", rule, about, ...asked, expect };
  };
  const value = (seed: number): Uint8Array => sha256(Uint8Array.of(seed));
  const toSign = (name: string, rule: string, about: string, release: number, sysinit: number): void =>
    add(name, rule, about, {
      operation: "to-sign",
      input: { release, sysinit: toHex(value(sysinit)), ready: toHex(value(sysinit + 1)) },
    });
  toSign("release-1", "R4", "Release 1: the volume in one phase, the pepper in two.", 1, 1);
  toSign("release-258", "R3", "Another release number, other policies.", 258, 1);
  toSign("other-image", "R3", "Another system image.", 1, 3);

  const key = new Uint8Array(createPublicKey(privateKey).export({ format: "der", type: "spki" }));
  const signed: readonly SignedPolicy[] = policiesToSign({
    release: 7,
    pcr11: { sysinit: value(1), ready: value(2) },
  }).map(({ message, ...policy }) => ({
    ...policy,
    key,
    signature: new Uint8Array(sign("sha256", message, privateKey)),
  }));
  const parse = (name: string, rule: string, about: string, text: string, fault?: string): void =>
    add(name, rule, about, { operation: "parse", input: { text } }, fault);
  const whole = writeReleasePolicies({ release: 7, policies: signed }, '{"sha256":[{"pcrs":[11]}]}');
  const json = JSON.parse(whole) as { piccolo: Record<string, unknown> };
  const changed = (change: Record<string, unknown>): string =>
    JSON.stringify({ ...json, piccolo: { ...json.piccolo, ...change } });
  const [first = {}] = json.piccolo["policies"] as readonly Record<string, unknown>[];
  const withPolicy = (change: Record<string, unknown>): string => changed({ policies: [{ ...first, ...change }] });
  parse("absent", "R7", "Only systemd's own signatures.", '{"sha256":[]}');
  parse("whole", "R6", "All of release 7, beside systemd's.", whole);
  parse("other-release", "R7", "The number is not signed by itself.", changed({ release: 8 }));
  parse("wrong-use", "R5", "A signature for the volume is none for the pepper.", withPolicy({ use: "pepper" }));
  const refuse = (name: string, about: string, text: string): void =>
    parse(`refuse-${name}`, "R7", about, text, "malformed");
  refuse("no-json", "No JSON.", "{");
  refuse("list", "A list.", "[]");
  refuse("format", "Another format.", changed({ format: 2 }));
  refuse("release-0", "Release 0.", changed({ release: 0 }));
  refuse("release-text", "A release that is text.", changed({ release: "7" }));
  refuse("keys", "No keys.", changed({ keys: [] }));
  refuse("fingerprint", "A key under another's fingerprint.", changed({ keys: { [toHex(value(1))]: "AAAA" } }));
  refuse("policies", "Policies that are no list.", changed({ policies: {} }));
  refuse("many", "33 policies.", changed({ policies: Array.from({ length: 33 }, () => first) }));
  refuse("use", "An unknown use.", withPolicy({ use: "root" }));
  refuse("phase", "An unknown phase.", withPolicy({ phase: "shutdown" }));
  refuse("key", "A policy without its key.", withPolicy({ key: toHex(value(1)) }));
  refuse("policy", "A policy of 31 bytes.", withPolicy({ policy: "00".repeat(31) }));
  refuse("signature", "A signature that is no base64url.", withPolicy({ signature: "+" }));
  return set;
}
