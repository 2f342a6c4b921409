import assert from "node:assert/strict";
import { test } from "node:test";
import { claimCodeOf, parseClaimLink } from "./claim-link.ts";

test("a fragment without a code is no claim link", () => {
  for (const fragment of ["", "#", "#/files", "#claim=", "#claim=%20", "#name=Ada"])
    assert.equal(parseClaimLink(fragment), undefined);
});

test("the link carries the code and perhaps the owner's name", () => {
  assert.deepEqual(parseClaimLink("#claim=ab12"), { claimCode: "ab12", ownerName: undefined });
  assert.deepEqual(parseClaimLink("#claim=ab12&name=Ada%20L"), { claimCode: "ab12", ownerName: "Ada L" });
});

test("a pasted link counts as its code", () => {
  assert.equal(claimCodeOf("  ab12 "), "ab12");
  assert.equal(claimCodeOf("http://device1.localhost:8701/#claim=ab12"), "ab12");
});
