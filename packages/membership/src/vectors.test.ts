import assert from "node:assert/strict";
import { fromHex, toHex } from "@piccolo/bytes";
import { readVectors, testVectors } from "../../../tools/vectors.ts";
import { entryCases, shownState } from "../test-support/entry-cases.ts";
import { otherCases } from "../test-support/other-cases.ts";
import type { LogPart, Operation, Vector } from "../test-support/vector.ts";
import { applyEntry, checkDraft, checkTimely, decodeInvitation, joinDrafts, replay } from "./index.ts";
import { isAcceptableName } from "./name.ts";

const vectors = readVectors<Vector>("membership");

function logOf({ of, entries }: LogPart): readonly Uint8Array[] {
  const source = vectors.get(of);
  assert.ok(source?.operation === "replay");
  return source.input.log.slice(0, entries).map(fromHex);
}

/** What this implementation answers to a vector, in the form of its `expect`. */
function answer(vector: Operation): unknown {
  switch (vector.operation) {
    case "replay": {
      const { log, networkId } = vector.input;
      return { state: shownState(replay(log.map(fromHex), networkId === null ? undefined : fromHex(networkId))) };
    }
    case "apply-entry": {
      const entries = [...logOf(vector.input.log), ...vector.input.more.map(fromHex)];
      const state = entries.length === 0 ? undefined : replay(entries);
      return { state: shownState(applyEntry(state, fromHex(vector.input.entry))) };
    }
    case "check-timely":
      checkTimely(fromHex(vector.input.entry), vector.input.nowMs);
      return { timely: true };
    case "check-draft": {
      const { log, kind, drafts, nowMs } = vector.input;
      const joined = drafts
        .map((draft): Uint8Array => fromHex(draft))
        .reduce((first, second) => joinDrafts(kind, first, second));
      const { id, signatures, complete } = checkDraft(replay(logOf(log)), kind, joined, nowMs);
      return { id: toHex(id), signedBy: signatures.map(({ account }) => toHex(account)), complete };
    }
    case "decode-invitation": {
      const { invitation, centralUrl } = decodeInvitation(vector.input.text);
      const { statement, signatures } = invitation.signed;
      return {
        centralUrl,
        networkId: toHex(statement.networkId),
        invitationKey: toHex(statement.invitationKey),
        expiresAtMs: statement.expiresAtMs,
        ordinal: statement.ordinal,
        anchorHash: toHex(statement.anchorHash),
        signedBy: signatures.map(({ account }) => toHex(account)),
      };
    }
    case "accept-name":
      return { acceptable: isAcceptableName(String.fromCodePoint(...vector.input.name)) };
    default:
      throw new Error("a vector of an unknown operation");
  }
}

testVectors(vectors, answer, () => ({ ...entryCases(), ...otherCases() }));
