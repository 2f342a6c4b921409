/** The vectors in vectors/firmware-enrolment; writing them: `node programs/release/test-support/write-enrolment-vectors.ts`. */
import { createPrivateKey, sign, X509Certificate } from "node:crypto";
import { encodeSignatureLists } from "@piccolo/attest";
import { concat, fromHex, toHex } from "@piccolo/bytes";
import { encodeSignedVariable, openSignedVariable, variableToSign } from "../src/firmware/signed-variable.ts";
import type { SecureBootRole } from "../src/keys/roles.ts";

export type Operation =
  | {
      readonly operation: "lists";
      readonly input: { readonly owner: string; readonly certificates: readonly string[] };
    }
  | {
      readonly operation: "to-sign";
      readonly input: { readonly name: SecureBootRole; readonly epochS: number; readonly content: string };
    }
  | {
      readonly operation: "open";
      readonly input: { readonly name: SecureBootRole; readonly file: string; readonly signer: string };
    };

export type Vector = Operation & {
  readonly spec: "firmware-enrolment/1";
  readonly rule: string;
  readonly about: string;
  readonly expect: unknown;
};

/** What this implementation answers to a vector, in the form of its `expect`. */
export function answer(vector: Operation): unknown {
  if (vector.operation === "lists") {
    return toHex(encodeSignatureLists(vector.input.owner, vector.input.certificates.map(fromHex)));
  }
  if (vector.operation === "to-sign") {
    const { name, epochS, content } = vector.input;
    return toHex(variableToSign({ name, epochS, content: fromHex(content) }));
  }
  const { name, file, signer } = vector.input;
  const { epochS, content } = openSignedVariable(name, fromHex(file), new X509Certificate(fromHex(signer)));
  return { epochS, content: toHex(content) };
}

/** A key and two certificates made for these vectors, and of no release: its signatures are the same each time. */
const privateKey = createPrivateKey({
  key: Buffer.from(
    [
      "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC2jwO7vva35LfjNcmr2wMoKbZzCuLwG9ijRajWruK4vaeqjFIHjxCt",
      "zLHPgi4uEiOWhZBzUKT741Qno0i/akvGARfA3dORSkEJU2M78cZdxBBgy/UrMmKnOA1KGzTCZIQ3UtQtEaVU4vQJF/NLb+pe30hNV5pa",
      "MYgYJ0fm1Jq6dtXEFIC+ALw118zGyNmsu8MuU99mLV4L1mQnC4wXxUGCmx9ViZFG4fl05JIbGwNja3cojRlD0Bgmap6bHKt3RXQlnDMJ",
      "8IJiMRR2SSPcutRpoL3nxpDgF929mjbCosnudBCIPnZnQzuWreXYODwBlVbG2GrYNvpdllucRbYIgt5nAgMBAAECggEAGyrzWkhT/Q/r",
      "kcOabJneQWbbwQkYtrTeK4YdVz2Vffqzbf0N5BQVXlf9Ci2MY8zNQQRFd/PDabzt9CwnklzmQ+Q7vbcFWjTbsuCW/v+/Dos0CMOxi6km",
      "502/JI0h79/3kSghbUeX/Cb+PDA1Q7+2+EFwSBpGXS/L2hRWbfKryB3Q3wSWEI9dr1+c0deHysqAjUJFBCkV4sPW/4s2ou1DU8eNu67+",
      "DAZ3hGjWIHabVJgwZlVSGQnMpRvnVxIDHrTrJM8Hv7IkOLTRNGsd/Fp612lBe67IePLcP3U/qpLcqghjfmYb0B0BnQjfb9GCbxiAeM/e",
      "5MJOEMpYn8Qq1iZSkQKBgQDanPp43GdNMwsYcRN8MnebrlCMkOhPMUDaaCxC6lArrPIHy4N6gfk158FfiAhrJyG43Y6Ji+vfXI/IiKQQ",
      "PjOV4gUq/mqrwbfLB7B7sklgtDKPrqwLmKR/rnRlsIuhz9cxSI6oekex++bVdYc9XKJIPSKoNljsV2p4Pk6D4CgV+QKBgQDVx4u1zIK4",
      "7t6MWL57oOVjiUiIf+hSSixJ2No9zvCTuHMBxedHzPQ4XBHwNfoO0ff63EKPPIbq1VZSpb3EBS0DTr2uOvuQeBOaZuWorawwzfhUDGwE",
      "gwaQGzw0CBNzD7PMnjepA8VXhY5hqJDcMM1gIsFKgN43hS0jHw3HqOovXwKBgQCSkXqwu3ya2qUOvwlEVIWyn90rUSAfsDL9+6fpOTWF",
      "As/GgCDnaurNxFL2nLqgNL08N3cQKvp6Z5GS7mGo7jshu0ahu6+C9j8mZUJivHbL2iSoBoEcyTtIy4sIfqQvWay6Qx46QLl+0BfEd6az",
      "cj7vVeW9h6p40mb0tTlo20mk6QKBgQDBOPoDGNTymByYl8GbdmK/I59mmM2AS0BaguFHSlrR+b4hVSHlGM+IfVdNWUwpxwgvOpQCaP+9",
      "E5RRYTLzEIaN3ca9ytwDyTRWszhSzJ69Af244f1j2pW8/JDeqooBzqiBgmPmpNzibXmytSwxiP6oLOGuGGpBnmKcwv2uf/MjWwKBgHhY",
      "PkK5IVWreFvhMF4PmlZZtO93G920iQ8TEE++AObatM3+HHFK9ZP7uD9ybWa3ZHHDDvonaX7E1G21h9zswZ/X8Nt/YZFjRQrbsHsKJaff",
      "WeIcBQH7E6Wk6fFzb2ne3cglV8YFcJgdJYZ8DGD15NM/kgN0b1ufKBcZN2lkzRkQ",
    ].join(""),
    "base64",
  ),
  format: "der",
  type: "pkcs8",
});
const certificate = new Uint8Array(
  Buffer.from(
    [
      "MIIDDzCCAfegAwIBAgIUfGPPVVkC2KswsCD1WvFc67I4aLIwDQYJKoZIhvcNAQELBQAwFjEUMBIGA1UEAwwLdmVjdG9ycyBvbmUwIBcN",
      "MjYxMTI2MjMwMDEwWhgPMjEyNjExMDIyMzAwMTBaMBYxFDASBgNVBAMMC3ZlY3RvcnMgb25lMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
      "MIIBCgKCAQEAto8Du772t+S34zXJq9sDKCm2cwri8BvYo0Wo1q7iuL2nqoxSB48Qrcyxz4IuLhIjloWQc1Ck++NUJ6NIv2pLxgEXwN3T",
      "kUpBCVNjO/HGXcQQYMv1KzJipzgNShs0wmSEN1LULRGlVOL0CRfzS2/qXt9ITVeaWjGIGCdH5tSaunbVxBSAvgC8NdfMxsjZrLvDLlPf",
      "Zi1eC9ZkJwuMF8VBgpsfVYmRRuH5dOSSGxsDY2t3KI0ZQ9AYJmqemxyrd0V0JZwzCfCCYjEUdkkj3LrUaaC958aQ4BfdvZo2wqLJ7nQQ",
      "iD52Z0M7lq3l2Dg8AZVWxthq2Db6XZZbnEW2CILeZwIDAQABo1MwUTAdBgNVHQ4EFgQUX4XBhkP8FrYEpjDB5gxvP+kZTbgwHwYDVR0j",
      "BBgwFoAUX4XBhkP8FrYEpjDB5gxvP+kZTbgwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEAIhA4BG3MjgBy18/k6S0W",
      "cbrpuFh39nZRwHHiPSy1cpH5XUybhB8j3a9N1OOvSciip/jQqw4NAuA0xYnkfR1+8H2EsI/CCFZEc52J0qipF4IpE2ZSG7CJYpZpx6G3",
      "tKpZETfEMfq6rQBkT9glayzAwRvXQ0NmZUeYT7zQlxhi+SMp9qH5nTXJfosHM9SHxSk4+7qPRXR9x8UFF04x3OCIEJxnySt6DaGpW5p9",
      "0FjXNub312UBB4Ir7/069+DRBsbBQCMPa9g/RUdw2+NaN5fAG1UVjqcHLKM+1YU1474F9lwOZOh5jUMfhByLqmt7XefGhqaY3S2gHywZ",
      "VmAXEkh8LQ==",
    ].join(""),
    "base64",
  ),
);
const foreign = new Uint8Array(
  Buffer.from(
    [
      "MIIDEzCCAfugAwIBAgIUYYntGZIVqe6RacJ3ma9NxuUJAk4wDQYJKoZIhvcNAQELBQAwGDEWMBQGA1UEAwwNdmVjdG9ycyBvdGhlcjAg",
      "Fw0yNjExMjYyMzAwMTBaGA8yMTI2MTEwMjIzMDAxMFowGDEWMBQGA1UEAwwNdmVjdG9ycyBvdGhlcjCCASIwDQYJKoZIhvcNAQEBBQAD",
      "ggEPADCCAQoCggEBAI9FPMjOHslksRIAISDA82bDywVcP5fcNQSeXjebJrXTlXJa8bZkfCjTg6TeYF6HwS6MqBRwYJpeo+uC6bPtuWx9",
      "Uj98Fv6Uuco769qxe2O7X8kwJAI2ry0rZ3UiLHYVgUhfBlCv6Fy8kDbJAvPjzYfFzZf8bawm1V9AuJ+yN+s+61O3uVp/LdNlMn4BIjNq",
      "N0F0deTyUrIO2S0bNk+qVrTTdzj/PgfN0VHtwky7eDC6YyL1wLkwvHbtwoyywO/2AtI6iwetQm+yAk2+6h+5uxSROBBLdFF2e/ITAuKx",
      "XrY7Q5KSn0JvqjDwTszOXSsZwh8D50gDGqaZp0UitZm8WDcCAwEAAaNTMFEwHQYDVR0OBBYEFD4r6PCceC9CAfvdy3C/R+mn5vkSMB8G",
      "A1UdIwQYMBaAFD4r6PCceC9CAfvdy3C/R+mn5vkSMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBADF1dx5My/Rt0j40",
      "2ayJzPb147cCy/AvUjNkjd5wqqgOr2zarhZu6GMo55JyAUydXfzvIe0u5MbA+FBrHgihuxe7oEB1rfY/+yV5NVKpTmUwMJ1U1qIMMvVF",
      "Kze8LlZeCo1j8NNYvgxHgL8Hs7yJB9xHWijQqxsoODtNEHcpwXsGuqBHlcZ4IufgHpBTMmUxNbvIPh10V1IWbnhYB/z8IRwnCtPyjC1p",
      "3hBCblU2j01cYxueDNaH+/YA+bZxCu+91Ie2MCUU5GdECEnddGMG7H6bPrY24MkFHJ2aBEQ8yFV7MtGcqCKPHO2gtHPXOe9vVsjEFCXn",
      "1B/VaiK5rF6c1is=",
    ].join(""),
    "base64",
  ),
);

const owner = "a1c0b7d2-5d0e-4a53-9c0c-70696363006c";
const epochS = 1_777_777_777;
const time = { year: 0, month: 2, second: 6, pad1: 7, nanosecond: 8, timeZone: 12, daylight: 14 };
const lengthAt = 16;
const [revisionAt, kindAt, formAt] = [20, 22, 24];
const signedDataAt = 40;

const signatureOf = (message: Uint8Array): Uint8Array => new Uint8Array(sign("sha256", message, privateKey));

function replaced(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

/** Bytes of a file with its SignedData exchanged, the length before it corrected. */
function withSignedData(
  file: Uint8Array,
  contentBytes: number,
  change: (signed: Uint8Array) => Uint8Array,
): Uint8Array {
  const signed = change(file.subarray(signedDataAt, file.length - contentBytes));
  const out = concat(file.subarray(0, signedDataAt), signed, file.subarray(file.length - contentBytes));
  new DataView(out.buffer).setUint32(lengthAt, 24 + signed.length, true);
  return out;
}

/** As PKCS #7 is written elsewhere. */
function wrapped(signed: Uint8Array): Uint8Array {
  const long = (tag: number, content: Uint8Array): Uint8Array =>
    concat(new Uint8Array([tag, 0x82, content.length >> 8, content.length & 0xff]), content);
  return long(0x30, concat(fromHex("06092a864886f70d010702"), long(0xa0, signed)));
}

/** UTF-32, as some tools write a name in what they sign. */
function wideName(message: Uint8Array, nameBytes: number): Uint8Array {
  const name = new Uint8Array(nameBytes * 2);
  for (let at = 0; at < nameBytes; at += 2) name.set(message.subarray(at, at + 2), at * 2);
  return concat(name, message.subarray(nameBytes));
}

export function cases(): Record<string, Vector> {
  const vectors: Record<string, Vector> = {};
  const add = (name: string, rule: string, about: string, operation: Operation): void => {
    let expect: unknown;
    try {
      expect = answer(operation);
    } catch (error) {
      expect = { fault: (error as { code?: string }).code };
    }
    vectors[name] = { spec: "firmware-enrolment/1", rule, about, ...operation, expect };
  };
  const content = encodeSignatureLists(owner, [certificate]);
  const list = { name: "db" as const, epochS, content };
  const message = variableToSign(list);
  const file = encodeSignedVariable(list, certificate, signatureOf(message));
  const open = (name: string, rule: string, about: string, bytes: Uint8Array, signer = certificate): void =>
    add(name, rule, about, { operation: "open", input: { name: "db", file: toHex(bytes), signer: toHex(signer) } });

  open("empty", "E5", "Nothing at all.", new Uint8Array());
  open("cut-head", "E5", "It ends within its head.", file.subarray(0, signedDataAt - 1));
  open("cut-signature", "E5", "It ends within its signature.", file.subarray(0, file.length - content.length - 1));
  open("cut-content", "E4", "A byte of the lists is missing.", file.subarray(0, file.length - 1));
  open("more-content", "E4", "A byte follows the lists.", concat(file, new Uint8Array(1)));
  open("too-large", "E5", "More than 65536 bytes.", concat(file, new Uint8Array(1 << 16)));
  open(
    "length-of-all",
    "E5",
    "The length counts the content as well.",
    replaced(file, lengthAt, ...u32(file.length - 16)),
  );
  open("length-none", "E5", "The length is zero.", replaced(file, lengthAt, 0, 0, 0, 0));
  open("revision", "E5", "Another revision.", replaced(file, revisionAt, 0, 1));
  open("kind", "E5", "Another kind of certificate.", replaced(file, kindAt, 0xf0));
  open("form", "E5", "Another form than PKCS #7.", replaced(file, formAt, 0));
  open("time-other", "E4", "A time that was not signed.", replaced(file, time.second, 1));
  open("time-month", "E3", "A month 13.", replaced(file, time.month, 13));
  open("time-pad", "E3", "A byte that is always zero is not.", replaced(file, time.pad1, 1));
  open("time-fraction", "E3", "A fraction of a second.", replaced(file, time.nanosecond, 1));
  open("time-zone", "E3", "A time zone.", replaced(file, time.timeZone, 60));
  open("time-daylight", "E3", "Summer time.", replaced(file, time.daylight, 1));
  open("wrapped", "E6", "The SignedData lies in a ContentInfo.", withSignedData(file, content.length, wrapped));
  open(
    "digest",
    "E6",
    "SHA-1 is named as the digest.",
    withSignedData(file, content.length, (signed) =>
      concat(signed.subarray(0, 13), fromHex("60864801650304020a"), signed.subarray(22)),
    ),
  );
  open(
    "signature-bit",
    "E4",
    "One bit of the signature is another.",
    replaced(file, file.length - content.length - 1, (file.at(file.length - content.length - 1) ?? 0) ^ 1),
  );
  open("foreign-signer", "E7", "Somebody else's certificate is held against it.", file, foreign);
  open(
    "name-wide",
    "E4",
    "The name was signed in UTF-32.",
    encodeSignedVariable(list, certificate, signatureOf(wideName(message, 4))),
  );
  open(
    "name-other",
    "E4",
    "It was signed as KEK.",
    encodeSignedVariable(list, certificate, signatureOf(variableToSign({ ...list, name: "KEK" }))),
  );
  const attributesAt = 4 + 16;
  open(
    "appends",
    "E4",
    "It was signed with the attribute that appends.",
    encodeSignedVariable(list, certificate, signatureOf(replaced(message, attributesAt, 0x67))),
  );

  add("list-of-none", "E2", "No certificate: an empty list.", {
    operation: "lists",
    input: { owner, certificates: [] },
  });
  add("list-of-two", "E2", "Two certificates of different length, a list each.", {
    operation: "lists",
    input: { owner, certificates: [toHex(certificate), toHex(foreign)] },
  });
  for (const name of ["PK", "KEK", "db"] as const) {
    add(`to-sign-${name}`, "E4", `What is signed of ${name}.`, {
      operation: "to-sign",
      input: { name, epochS, content: toHex(content) },
    });
  }
  add("to-sign-january", "E3", "The first month is 1.", {
    operation: "to-sign",
    input: { name: "db", epochS: Date.UTC(2026, 0, 1) / 1000, content: "" },
  });
  open("good", "E7", "A list as it is enrolled.", file);
  return vectors;
}

function u32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
}
