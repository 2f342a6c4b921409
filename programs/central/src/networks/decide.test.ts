import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { encodeSignedInvitation, logEntriesMax, replay } from "@piccolo/membership";
import { held, Owner } from "../../test-support/owners.ts";
import { logEntriesMax as entriesOnPages, proveInvitation } from "@piccolo/central-api";
import { productionLimits } from "../limits.ts";
import { decideAppend, decideInvitedRead } from "./decide.ts";

const world = new SeededWorld("networks");
const ada = new Owner(world, "http://127.0.0.1:1", "Ada");
const bela = new Owner(world, "http://127.0.0.1:1", "Bela");
const state = replay([ada.firstEntry()]);
const invitation = ada.invite(state);
const entry = bela.joining(state, invitation);
const at = { nowMs: world.nowMs(), logEntriesMax: 100 };

test("an entry is not taken for a network that is not known, from who has no part in it, or beyond the bound", () => {
  const eve = new Owner(world, "http://127.0.0.1:1", "Eve");
  assert.throws(() => decideAppend(undefined, bela.account, entry, at), { code: "not-a-member" });
  assert.throws(() => decideAppend(state, eve.account, entry, at), { code: "not-a-member" });
  assert.throws(() => decideAppend(state, bela.account, entry, { ...at, logEntriesMax: 1 }), { code: "log-full" });
  assert.throws(() => decideAppend(state, bela.account, entry.subarray(1), at), { code: "malformed" });
});

test("central keeps a log as long as members take it, and its pages can name every entry", () => {
  assert.equal(productionLimits.logEntriesMax, logEntriesMax);
  assert.equal(entriesOnPages, logEntriesMax);
});

test("an entry that joins is not taken later than its time, which would revive its invitation", () => {
  const late = { ...at, nowMs: at.nowMs + 600_001 };
  assert.throws(() => decideAppend(state, bela.account, entry, late), { code: "entry-untimely" });
});

test("the owner whom an entry adds and any member may bring it; brought again, it changes nothing", () => {
  const { kind, state: after } = decideAppend(state, bela.account, entry, at);
  assert.deepEqual([kind, after.length], ["append", 2]);
  assert.equal(decideAppend(state, ada.account, entry, at).kind, "append");
  const again = decideAppend(after, bela.account, entry, at);
  assert.deepEqual([again.kind, again.state], ["nothing", after]);
});

test("an invitation shown without proof of its secret opens nothing, nor one of another network", () => {
  const { signed, key } = held(invitation);
  const proof = proveInvitation(key, state.networkId, bela.account);
  const shown = { invitation: signed, proof };
  const read =
    (what: typeof shown, account = bela.account, of = state) =>
    () =>
      decideInvitedRead(of, account, what, at.nowMs);
  assert.throws(read({ ...shown, proof: new Uint8Array(64) }), { code: "call-signature" });
  assert.throws(read(shown, ada.account), { code: "call-signature" });
  const other = replay([bela.firstEntry()]);
  assert.throws(read(shown, bela.account, other), { code: "invitation-foreign" });
  assert.throws(read({ invitation: encodeSignedInvitation(invitation.signed).subarray(1), proof }), {
    code: "malformed",
  });
  assert.equal(read(shown)(), state);
});
