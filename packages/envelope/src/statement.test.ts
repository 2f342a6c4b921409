import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex, toUtf8 } from "@piccolo/bytes";
import fc from "fast-check";
import { ed25519FromSeed } from "./ed25519.ts";
import { definePurpose, encodeStatement, signStatement, type Statement, verifyStatement } from "./statement.ts";

const key = ed25519FromSeed(new Uint8Array(32).fill(9));
const inNetwork = definePurpose("in-network", "required");
const base: Statement = {
  purpose: inNetwork,
  network: new Uint8Array(32).fill(1),
  account: new Uint8Array(32).fill(2),
  body: toUtf8("body"),
};
const signature = signStatement(key, base);

test("a signature says nothing for another purpose, network, account or body", () => {
  const others: Partial<Statement>[] = [
    { purpose: definePurpose("in-networ", "required"), body: toUtf8("kbody") },
    { purpose: definePurpose("in-network-2", "required") },
    { network: new Uint8Array(32).fill(3) },
    { account: new Uint8Array(32).fill(1) },
    { body: toUtf8("body2") },
    { body: new Uint8Array(0) },
  ];
  for (const other of others) assert.ok(!verifyStatement(key.publicKey, { ...base, ...other }, signature));
});

test("a network is there exactly where the purpose asks for one, and is never all zero", () => {
  const cases: [network: "required" | "none" | "optional", given: Uint8Array | undefined, accepted: boolean][] = [
    ["required", undefined, false],
    ["required", new Uint8Array(32), false],
    ["required", new Uint8Array(31).fill(1), false],
    ["none", new Uint8Array(32).fill(1), false],
    ["optional", new Uint8Array(32), false],
    ["required", new Uint8Array(32).fill(1), true],
    ["none", undefined, true],
    ["optional", undefined, true],
    ["optional", new Uint8Array(32).fill(1), true],
  ];
  for (const [rule, network, accepted] of cases) {
    const statement = { ...base, purpose: definePurpose("purpose", rule), network };
    if (accepted) {
      assert.ok(verifyStatement(key.publicKey, statement, signStatement(key, statement)));
    } else {
      assert.throws(() => signStatement(key, statement), assert.AssertionError);
      assert.ok(!verifyStatement(key.publicKey, statement, signature));
    }
  }
});

test("statements over their bounds are refused", () => {
  const long = { ...base, body: new Uint8Array(65_537) };
  assert.throws(() => encodeStatement(long), assert.AssertionError);
  assert.ok(!verifyStatement(key.publicKey, long, signature));
  assert.ok(!verifyStatement(key.publicKey, { ...base, account: new Uint8Array(31) }, signature));
  for (const name of ["", "Upper", "a b", "1st", "a".repeat(65)]) {
    assert.throws(() => definePurpose(name, "none"), assert.AssertionError);
  }
});

test("two different statements never have the same bytes", () => {
  const arbitrary = fc.record({
    name: fc.stringMatching(/^[a-z][a-z0-9-]{0,5}$/),
    network: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32, min: 1 }), { nil: undefined }),
    account: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    body: fc.uint8Array({ maxLength: 80 }),
  });
  const identity = (s: {
    name: string;
    network: Uint8Array | undefined;
    account: Uint8Array;
    body: Uint8Array;
  }): string => [s.name, toHex(s.network ?? new Uint8Array(0)), toHex(s.account), toHex(s.body)].join(":");
  fc.assert(
    fc.property(arbitrary, arbitrary, (a, b) => {
      const [left, right] = [a, b].map((s) =>
        toHex(encodeStatement({ ...s, purpose: definePurpose(s.name, "optional") })),
      );
      assert.equal(left === right, identity(a) === identity(b));
    }),
  );
});
