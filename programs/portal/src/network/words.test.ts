import assert from "node:assert/strict";
import { test } from "node:test";
import type { Invitation, Member } from "../api/queries.ts";
import { clockInWords, invitationInWords, memberInWords, pathInWords, presenceInWords } from "./words.ts";

const now = 1_800_000_000_000;
const member = (account: string, more: Partial<Member> = {}): Member => ({
  account,
  name: account.toUpperCase(),
  self: false,
  online: true,
  lastSeenMs: now,
  roundTripMs: 4.2,
  path: "direct",
  joinedAtMs: 0,
  clockWrong: false,
  holdsBytes: 0,
  ...more,
});
const me = member("me", { self: true });

test("presence counts the others, not oneself", () => {
  assert.equal(presenceInWords({ state: "none", members: [] }), "Not in a network");
  assert.equal(presenceInWords({ state: "member", members: [me] }), "Nobody else yet");
  assert.equal(presenceInWords({ state: "member", members: [me, member("a")] }), "1 other online");
  assert.equal(presenceInWords({ state: "member", members: [me, member("a"), member("b")] }), "All 2 others online");
  assert.equal(
    presenceInWords({ state: "member", members: [me, member("a"), member("b", { online: false })] }),
    "1 of 2 others online",
  );
});

test("an absent member is described by when it was seen", () => {
  assert.equal(memberInWords(member("a", { online: false, lastSeenMs: 0 }), now), "Not seen yet");
  assert.equal(
    memberInWords(member("a", { online: false, lastSeenMs: now - 7_200_000 }), now),
    "Last seen 2 hours ago",
  );
  assert.equal(memberInWords(member("a"), now), "Online");
});

test("the way to a member is said only while there is one", () => {
  assert.equal(pathInWords(member("a", { online: false })), "");
  assert.equal(pathInWords(member("a", { path: "none" })), "");
  assert.equal(pathInWords(member("a", { path: "relay", roundTripMs: null })), "Connected through the relay");
  assert.equal(pathInWords(member("a", { roundTripMs: 0.2 })), "Connected directly, 1 ms");
});

test("only a wrong clock is worth a word", () => {
  assert.equal(clockInWords({ state: "good", offsetMs: 900_000 }), undefined);
  assert.match(clockInWords({ state: "forgotten", offsetMs: 0 }) ?? "", /lost the time.*Connect/);
  assert.match(clockInWords({ state: "wrong", offsetMs: -600_000 }) ?? "", /10 minutes slow/);
});

test("an invitation says what it waits for", () => {
  const invitation: Invitation = { id: "i", state: "open", mine: true, createdBy: "me", expiresAtMs: now + 86_400_000 };
  assert.equal(invitationInWords(invitation, now), "Ready to hand over. Expires in 1 day");
  assert.equal(invitationInWords({ ...invitation, state: "used" }, now), "Used");
});
