/** Logs, the time of entries, drafts, invitation texts and display names. */
import { concat, fromBase64Url, toBase64Url, toHex, toUtf8 } from "@piccolo/bytes";
import {
  checkDraft,
  cosignRemoval,
  encodeInvitation,
  encodeSignedInvitation,
  Invitation,
  invitationPrefix,
  joinDrafts,
  leaveNetwork,
  removeMember,
  replay,
} from "../src/index.ts";
import { isAcceptableName } from "../src/name.ts";
import {
  ada,
  bela,
  bytesOf,
  chiara,
  deniz,
  emil,
  firstEntry,
  FixedWorld,
  invitationBy,
  invitationLifetimeMs,
  joining,
  logOf,
  startMs,
  stateOf,
} from "./cast.ts";
import { shownState } from "./entry-cases.ts";
import type { Operation, Vector, VectorSet } from "./vector.ts";

function vector(rule: string, about: string, operation: Operation): Vector {
  return { spec: "membership/1", rule, about, ...operation };
}

function logCases(): VectorSet {
  const log = logOf(4);
  const state = stateOf(4);
  const replayed = (
    rule: string,
    about: string,
    entries: readonly Uint8Array[],
    fault?: string,
    networkId?: Uint8Array,
  ) =>
    vector(rule, about, {
      operation: "replay",
      input: { log: entries.map(toHex), networkId: networkId === undefined ? null : toHex(networkId) },
      expect: fault === undefined ? { state: shownState(replay(entries)) } : { fault },
    });
  return {
    log: replayed("M7", "Ada's network, joined by Bela, Chiara and Deniz. Other vectors take its beginning.", log),
    "log-of-known-network": replayed(
      "M7",
      "With the id that the reader expects.",
      log.slice(0, 2),
      undefined,
      state.networkId,
    ),
    "refuse-log-other-network": replayed(
      "M7",
      "With another id than the reader expects.",
      log,
      "wrong-network",
      bytesOf("other"),
    ),
    "refuse-log-empty": replayed("M7", "No entry.", [], "membership-gap"),
    "refuse-log-left-out": replayed("M6", "The second entry was left out.", log.toSpliced(1, 1), "membership-gap"),
    "refuse-log-swapped": replayed(
      "M6",
      "Two entries changed places.",
      log.toSpliced(1, 2, ...log.slice(1, 3).reverse()),
      "membership-gap",
    ),
  };
}

function timeCases(): VectorSet {
  const add = joining(stateOf(1), bela, invitationBy(stateOf(1), [ada], "Bela"));
  const leave = leaveNetwork({
    state: stateOf(4),
    ownerKeys: deniz.keys,
    world: new FixedWorld("leave", startMs + 600_000),
  });
  const addMs = startMs + 60_000;
  const timely = (about: string, entry: Uint8Array, nowMs: number, fault?: string) =>
    vector("M13", about, {
      operation: "check-timely",
      input: { entry: toHex(entry), nowMs },
      expect: fault === undefined ? { timely: true } : { fault },
    });
  return {
    "timely-create-old": timely("A first entry may be old.", firstEntry(), startMs + 86_400_000),
    "timely-leave-old": timely("So may one that removes.", leave, startMs + 86_400_000),
    "timely-add": timely("One that adds, ten minutes after it was made.", add, addMs + 600_000),
    "timely-ahead": timely("Ten minutes before it was made.", add, addMs - 600_000),
    "refuse-timely-add-old": timely("One that adds, a millisecond later.", add, addMs + 600_001, "entry-untimely"),
    "refuse-timely-ahead": timely("More than ten minutes ahead.", add, addMs - 600_001, "entry-untimely"),
    "refuse-timely-create-ahead": timely(
      "So may no first entry be.",
      firstEntry(),
      startMs - 600_001,
      "entry-untimely",
    ),
  };
}

function draftCases(): VectorSet {
  const state = stateOf(4);
  const nowMs = startMs + 600_000;
  const world = new FixedWorld("draft", nowMs);
  const byOne = encodeSignedInvitation(invitationBy(state, [ada], "draft").signed);
  const byAnother = encodeSignedInvitation(invitationBy(state, [ada, bela], "draft").signed);
  const other = encodeSignedInvitation(invitationBy(state, [chiara], "other draft").signed);
  const removal = removeMember({ state, ownerKeys: ada.keys, account: deniz.account, world });
  const cosigned = cosignRemoval({ state, ownerKeys: chiara.keys, entry: removal });
  const leaving = leaveNetwork({ state, ownerKeys: deniz.keys, world });
  const adding = joining(stateOf(1), emil, invitationBy(stateOf(1), [ada], "Emil"));
  const draft = (
    about: string,
    kind: "invitation" | "entry",
    drafts: readonly Uint8Array[],
    fault?: string,
    atMs = nowMs,
  ): Vector => {
    const joined = fault === undefined ? drafts.reduce((first, second) => joinDrafts(kind, first, second)) : undefined;
    const checked = joined === undefined ? undefined : checkDraft(state, kind, joined, atMs);
    return vector("M17", about, {
      operation: "check-draft",
      input: { log: { of: "log", entries: 4 }, kind, drafts: drafts.map(toHex), nowMs: atMs },
      expect:
        checked === undefined
          ? { fault: fault ?? "" }
          : {
              id: toHex(checked.id),
              signedBy: checked.signatures.map(({ account }) => toHex(account)),
              complete: checked.complete,
            },
    });
  };
  const forged = new Uint8Array(byOne);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  const endMs = startMs + invitationLifetimeMs;
  return {
    "draft-invitation-of-one": draft("An invitation that lacks a signature.", "invitation", [byOne]),
    "draft-invitation-of-two": draft("With two signatures: the same id, complete.", "invitation", [byAnother]),
    "draft-invitation-joined": draft("Both together have the signatures of both, once each.", "invitation", [
      byOne,
      byAnother,
    ]),
    "draft-removal-of-one": draft("A removal that lacks a signature.", "entry", [removal]),
    "draft-removal-joined": draft("With that of another member.", "entry", [removal, cosigned]),
    "draft-leave": draft("Who leaves needs nobody else.", "entry", [leaving]),
    "refuse-draft-forged": draft("A signature was changed.", "invitation", [forged], "membership-signature"),
    "refuse-draft-expired": draft(
      "After the invitation's end.",
      "invitation",
      [byOne],
      "invitation-expired",
      endMs + 1,
    ),
    "refuse-draft-two": draft("Two different invitations.", "invitation", [byOne, other], "membership-signature"),
    "refuse-draft-kind": draft("An invitation for an entry.", "entry", [byOne], "malformed"),
    "refuse-draft-add": draft(
      "An entry that is signed by its author alone.",
      "entry",
      [adding],
      "membership-signature",
    ),
  };
}

function invitationCases(): VectorSet {
  const invitation = invitationBy(stateOf(4), [ada, bela], "text");
  const { statement, signatures } = invitation.signed;
  const central = "https://central.example/piccolo";
  const good = encodeInvitation(invitation, central);
  const bytes = fromBase64Url(good.slice(invitationPrefix.length));
  const text = (about: string, text: string, fault?: string): Vector =>
    vector("M15", about, {
      operation: "decode-invitation",
      input: { text },
      expect:
        fault === undefined
          ? {
              centralUrl: central,
              networkId: toHex(statement.networkId),
              invitationKey: toHex(statement.invitationKey),
              expiresAtMs: statement.expiresAtMs,
              ordinal: statement.ordinal,
              anchorHash: toHex(statement.anchorHash),
              signedBy: signatures.map(({ account }) => toHex(account)),
            }
          : { fault },
    });
  const refused = (about: string, broken: string): Vector => text(about, broken, "invitation-refused");
  const made = (part: Uint8Array): string => invitationPrefix + toBase64Url(part);
  const url = toUtf8(central);
  const withUrl = (other: string): string => {
    const spelled = toUtf8(other);
    const length = Uint8Array.of(0, 0, spelled.length >>> 8, spelled.length & 255);
    return made(concat(bytes.subarray(0, 32), length, spelled, bytes.subarray(36 + url.length)));
  };
  const foreign = new Invitation(invitation.signed, bytesOf("another secret"));
  return {
    invitation: text("The text that goes to an invited person.", good),
    "refuse-invitation-prefix": refused("Another beginning.", good.replace("1", "2")),
    "refuse-invitation-no-prefix": refused("Without its beginning.", good.slice(invitationPrefix.length)),
    "refuse-invitation-cut": refused("The end is missing.", good.slice(0, -4)),
    "refuse-invitation-longer": refused("A byte is left over.", made(concat(bytes, Uint8Array.of(0)))),
    "refuse-invitation-not-base64url": refused("A character that is not base64url.", `${good.slice(0, -1)}=`),
    "refuse-invitation-too-long": refused("Longer than a text may be.", good + "A".repeat(4096)),
    "refuse-invitation-secret": refused("The secret is another invitation's.", encodeInvitation(foreign, central)),
    "refuse-invitation-url-scheme": refused(
      "Central's address is not http or https.",
      withUrl("ftp://central.example"),
    ),
    "refuse-invitation-url-slash": refused("Central's address ends with a slash.", withUrl("https://central.example/")),
    "refuse-invitation-url-user": refused("Central's address has credentials.", withUrl("https://a:b@central.example")),
    "refuse-invitation-url-query": refused("Central's address has a query.", withUrl("https://central.example?a")),
    "refuse-invitation-url-case": refused(
      "Central's address is spelled otherwise.",
      withUrl("HTTPS://central.example"),
    ),
  };
}

function nameCases(): VectorSet {
  const name = (about: string, text: string, acceptable: boolean): Vector => {
    if (isAcceptableName(text) !== acceptable) throw new Error(`a case that does not hold: ${about}`);
    const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
    return vector("M16", about, { operation: "accept-name", input: { name: points }, expect: { acceptable } });
  };
  return {
    "name-plain": name("A name.", "Ada", true),
    "name-inner-space": name("Of two words.", "Ada Lovelace", true),
    "name-other-script": name("In another script, with a joiner inside.", "\u0646\u200c\u0645", true),
    "name-64": name("Of 64 characters of four bytes each.", "\u{1f600}".repeat(64), true),
    "refuse-name-65": name("Of 65 characters.", "\u{1f600}".repeat(65), false),
    "refuse-name-empty": name("Of none.", "", false),
    "refuse-name-space-before": name("With a space before.", " Ada", false),
    "refuse-name-wide-space-after": name("With an ideographic space after.", "Ada\u3000", false),
    "refuse-name-newline": name("Of two lines.", "Ada\nAdmin", false),
    "refuse-name-bidirectional": name("That turns the direction of what follows.", "Ada\u202eadmin", false),
    "refuse-name-invisible": name("With an invisible character.", "A\u200bda", false),
  };
}

export function otherCases(): VectorSet {
  return { ...logCases(), ...timeCases(), ...draftCases(), ...invitationCases(), ...nameCases() };
}
