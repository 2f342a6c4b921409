import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { test } from "node:test";
import { isClaimCode } from "./claim-code.ts";

const salt = Buffer.alloc(16, 7);
const hashOf = (code: string, n = 1_024): string =>
  `scrypt-${n}-8-1:${salt.toString("hex")}:${scryptSync(code, salt, 32, { N: n, r: 8, p: 1 }).toString("hex")}`;

test("a hash that is none, or asks for more than a device does, opens to nobody", () => {
  const good = hashOf("k7f2q-xm3ta");
  const wrong = [
    "scrypt-",
    good.slice(0, -1),
    good.replace("scrypt-1024", "scrypt-1000"),
    good.replace("scrypt-1024", "scrypt-0"),
    good.replace("scrypt-1024", "scrypt-4194304"),
    good.replace("-8-1:", "-99-1:"),
    good.replace("-8-1:", "-8-9:"),
    good.replace("-8-1:", "-0-1:"),
  ];
  for (const expected of wrong) assert.ok(!isClaimCode("k7f2q-xm3ta", expected), expected);
});

test("a code is taken as it is or by its hash, and no hash is taken for a code", () => {
  const expected = hashOf("k7f2q-xm3ta");
  assert.ok(isClaimCode(" k7f2q-xm3ta\n", expected));
  assert.ok(!isClaimCode("k7f2q-xm3tb", expected));
  assert.ok(!isClaimCode(expected, expected));
  assert.ok(isClaimCode("4f1c-77a0", "4f1c-77a0"));
  assert.ok(!isClaimCode("4f1c-77a1", "4f1c-77a0"));
});
