import { catalogue } from "@piccolo/fault";

/**
 * What central answers, and what keeps its answer away. Refusals of entries and invitations keep the codes of
 * packages/membership; they arrive here as faults with those codes.
 */
export const centralFaults = catalogue({
  "central-unreachable": {
    retry: "later",
    meaning: "Central does not answer; what needs it waits, everything else goes on. Check the internet connection.",
  },
  "unexpected-reply": {
    retry: "later",
    meaning: "Central answered in a form this version does not know; update the device if it goes on.",
  },
  "unsigned-call": {
    retry: "never",
    meaning: "The call carries no well-formed signature; sign it with the owner's or the device's key.",
  },
  "call-signature": {
    retry: "never",
    meaning: "The signature of the call does not fit; the call was changed on its way, or meant for another server.",
  },
  "call-replayed": { retry: "never", meaning: "The same signed call came before; sign each call with a fresh nonce." },
  "clock-wrong": {
    retry: "later",
    meaning: "The caller's clock is more than ten minutes from central's; correct it, then do it again.",
  },
  "unknown-account": { retry: "never", meaning: "Central does not know the account; register it first." },
  "key-not-registered": {
    retry: "never",
    meaning: "The key is not one of the account's; another device has replaced this one, or it was never registered.",
  },
  "device-replaced": {
    retry: "never",
    meaning: "Another device has replaced this one and speaks for the account now; if it was not you, stop the theft.",
  },
  "owner-key-rotated": {
    retry: "never",
    meaning: "A newer owner key has taken this one's place; sign with the newest, or use the newest recovery phrase.",
  },
  "owner-needed": {
    retry: "later",
    meaning: "The call frees what recovery needs, so the owner key has to sign it; unlock the device.",
  },
  "account-mismatch": {
    retry: "never",
    meaning: "The account id is not the hash of the owner key, or the call speaks for another account.",
  },
  "certificate-refused": {
    retry: "never",
    meaning: "The owner's certificate of the device does not fit; certify the device anew.",
  },
  "device-fenced": {
    retry: "never",
    meaning: "A device of the same or a higher device epoch is registered; a replacing device needs a higher one.",
  },
  "device-key-in-use": {
    retry: "never",
    meaning: "The device key is registered for another account; make a new key for the device.",
  },
  "not-a-member": {
    retry: "never",
    meaning: "Central does not know the network, or the account is not its member; join it first.",
  },
  "head-moved": {
    retry: "never",
    meaning: "Another entry came first; fetch the newest log and make the entry again on it.",
  },
  "log-full": { retry: "never", meaning: "The network's log has reached its bound; central takes no more entries." },
  "unknown-proposal": { retry: "never", meaning: "The proposal is gone: withdrawn, expired, or carried out." },
  "too-many-proposals": {
    retry: "later",
    meaning: "Too many proposals wait for signatures; sign or withdraw some first.",
  },
  "quota-reached": { retry: "never", meaning: "Central has no room for more of these, of this account or of all." },
  "vault-gap": {
    retry: "never",
    meaning: "Entries between central's newest and this one are missing; bring them first, or a checkpoint.",
  },
  "vault-conflict": {
    retry: "never",
    meaning: "Central keeps other bytes in this place; two devices wrote for the account, or one went back in time.",
  },
  "head-refused": {
    retry: "never",
    meaning: "The head is not signed by the account's device of its device epoch, or names another payload.",
  },
  "unknown-blob": { retry: "never", meaning: "Central keeps nothing under this id for the account." },
  "unknown-slot": {
    retry: "never",
    meaning: "Central has no sealed slot for this phrase; compare the words, or ask a member of the network.",
  },
  "slot-refused": {
    retry: "never",
    meaning: "A newer or another sealed slot stands in the way; the details say which rule refused it.",
  },
  "challenge-refused": {
    retry: "later",
    meaning: "The challenge is used, too old or not central's; ask for a fresh one.",
  },
  "rate-limited": { retry: "later", meaning: "Too many calls in a short time; wait as long as the reply says." },
  "body-too-large": { retry: "never", meaning: "The body of the call is over central's bound." },
  malformed: { retry: "never", meaning: "The call does not have the form of its contract." },
  "unknown-route": { retry: "never", meaning: "Central has nothing at this address; check the version of the API." },
  "central-failed": { retry: "later", meaning: "Central failed at the call by its own fault; try again in a while." },
});
