/** The security of the device in sentences. */
import type { CallOutput } from "@piccolo/device-api/client";
import { insecureInWords } from "../settings/insecure.ts";
import { bytesInWords } from "../wording/bytes.ts";
import { agoInWords, durationInWords, momentInWords } from "../wording/time.ts";

export type Security = CallOutput<"GET /security">;
export type Backup = Security["backup"];
export type Witness = Backup["witnesses"][number];
export type Sheet = CallOutput<"GET /security/recovery-sheet">;

export type StateTone = "good" | "calm" | "warn" | "danger";

export interface Sentence {
  readonly tone: StateTone;
  readonly text: string;
}

const amount = (count: number, unit: string): string =>
  `${count.toLocaleString("en")} ${unit}${count === 1 ? "" : "s"}`;

/** Where copies of the sealed phrase slot lie: without one, a new device finds nothing. */
export function copiesInWords({ copies, atCentral }: Security["slots"]["phrase"]): string {
  const devices = copies === 0 ? "" : `on ${amount(copies, "other device")}`;
  const central = atCentral ? "at Piccolo's central service" : "";
  const places = [devices, central].filter((place) => place !== "");
  return places.length === 0 ? "Nowhere but on this device yet" : sentence(places.join(" and "));
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

export function backupInWords(backup: Backup, nowMs: number): Sentence {
  switch (backup.state) {
    case "none":
      return { tone: "warn", text: "Not backed up: there is no network to back it up to." };
    case "stale":
      return { tone: "warn", text: "Not yet: too few devices have answered for the newest state." };
    case "checking":
      return { tone: "calm", text: "Asking the other devices whether this one knows the newest state…" };
    case "catching-up":
      return { tone: "calm", text: "Fetching newer changes that the other devices have…" };
    case "no-quorum":
      return {
        tone: "warn",
        text: `Too few devices are online to confirm changes; ${amount(backup.quorum, "device")} must have them.`,
      };
    case "forked":
      return {
        tone: "danger",
        text: "This device went on with other changes than those its witnesses have. It has stopped, so that nothing is overwritten.",
      };
    case "replaced":
      return { tone: "danger", text: "Another device has taken over. Nothing of this one is backed up any more." };
    default:
      if (backup.waitingChanges || backup.witnessedSequence < backup.sequence)
        return { tone: "calm", text: "The newest changes are on their way to the other devices." };
      if (backup.quorum === 0)
        return { tone: "warn", text: "Nobody else keeps it yet. Invite others to your network." };
      return {
        tone: "good",
        text:
          backup.ageMs === null
            ? "Complete: there is nothing that is not backed up."
            : `Complete. Last change backed up ${agoInWords(nowMs - backup.ageMs, nowMs)}.`,
      };
  }
}

/** How far one witness is behind what this device knows. */
export function witnessInWords(witness: Witness, backup: Pick<Backup, "sequence">): Sentence {
  const behind = backup.sequence - witness.sequence;
  const presence = witness.online ? "" : "Offline. ";
  if (witness.sequence <= 0) return { tone: "calm", text: `${presence}Has nothing yet` };
  if (behind <= 0) return { tone: witness.online ? "good" : "calm", text: `${presence}Has everything` };
  return { tone: "calm", text: `${presence}${amount(behind, "change")} behind` };
}

export function quorumInWords({ quorum, witnesses }: Pick<Backup, "quorum" | "witnesses">): string {
  if (quorum === 0) return "";
  return `A change counts as saved once ${quorum} of ${amount(witnesses.length, "device")} ${quorum === 1 ? "has" : "have"} it.`;
}

const makers: Readonly<Record<string, string>> = {
  AMD: "AMD",
  ATML: "Atmel",
  GOOG: "Google",
  IBM: "IBM",
  IFX: "Infineon",
  INTC: "Intel",
  LEN: "Lenovo",
  MSFT: "Microsoft",
  NTC: "Nuvoton",
  QCOM: "Qualcomm",
  STM: "STMicroelectronics",
};

export function chipInWords(tpm: Security["tpm"]): Sentence {
  if (tpm === undefined) return { tone: "danger", text: "None. Whoever takes the disk has its key." };
  const letters = tpm.manufacturer.replaceAll(/[^\w ]/g, "").trim();
  const maker = makers[letters] ?? letters;
  const version = tpm.firmware === "" ? "" : `, version ${tpm.firmware}`;
  const name = `${maker === "" ? "Unknown maker" : maker}${version}`;
  if (tpm.simulated)
    return { tone: "warn", text: `${name}. Simulated by software: fine for trying out, no protection from a thief.` };
  if (tpm.lockout) return { tone: "warn", text: `${name}. It refuses for a while, after too many wrong attempts.` };
  return { tone: "good", text: name };
}

/** Nothing verifies the certificates; that there are some is what the maker did. */
export function chipCertificatesInWords({
  certificates,
}: NonNullable<NonNullable<Security["tpm"]>["identity"]>): string {
  if (certificates.length === 0) return "Its maker left no certificate in it.";
  const keys = certificates.map((name) => (name === "rsa-2048" ? "its RSA key" : "this key")).join(" and for ");
  return `Its maker left a certificate for ${keys}, which is not checked.`;
}

const backends: Readonly<Record<Security["volume"]["backend"], string>> = {
  gocryptfs: "gocryptfs",
  luks2: "LUKS2",
  "plain-folder": "plain folder",
};

export function volumeInWords({ backend, encrypted }: Security["volume"]): Sentence {
  return encrypted
    ? { tone: "good", text: `Encrypted (${backends[backend]}). A thief with the disk reads nothing.` }
    : { tone: "danger", text: "Not encrypted. Whoever takes the disk reads what lies on it." };
}

/** What the work for one attempt at the password costs, for those who want to know. */
export function passwordCostInWords({ memoryKiB, passes }: Security["slots"]["password"]): string {
  if (memoryKiB <= 0) return "";
  const memory = memoryKiB >= 1024 ? `${Math.round(memoryKiB / 1024)} MiB` : `${memoryKiB} KiB`;
  return `Each attempt costs ${memory} of memory${passes > 1 ? ` and ${passes} passes` : ""}`;
}

export function staleInWords(stale: NonNullable<Security["mayBeStale"]>, nowMs: number): string {
  const found =
    stale.newestAtMs === null
      ? "Nothing was found that says how old it is."
      : `The newest change that was found is from ${momentInWords(stale.newestAtMs)}, ${durationInWords(nowMs - stale.newestAtMs)} ago.`;
  return `${found} ${stale.answered} of the ${amount(stale.needed, "device")} that must answer did.`;
}

/** What giving all files new keys is about, for who has to decide. */
export function newKeysInWords({ state, versions, bytes }: Security["reencryption"]): string {
  const amountLeft = `${amount(versions, "file version")}, ${bytesInWords(bytes)}`;
  switch (state) {
    case "none":
      return "";
    case "running":
      return `Each file is fetched, encrypted with a new key and stored again. ${sentence(amountLeft)} to go.`;
    case "interrupted":
      return `Giving files new keys was interrupted and goes on by itself. ${sentence(amountLeft)} to go.`;
    default:
      return `Files from before you changed the key still have the keys they had, and whoever had your old phrase may know those: ${amountLeft}.`;
  }
}

/** What needs the owner's hand, the worst first. */
export function concernsOf(security: Security, phraseConfirmed: boolean): readonly Sentence[] {
  const concerns: Sentence[] = security.insecure.map((name) => ({ tone: "danger", text: insecureInWords(name) }));
  const add = (tone: StateTone, text: string): void => void concerns.push({ tone, text });
  if (security.replaced !== undefined) add("danger", "Another device has taken this one's place.");
  if (security.backup.state === "forked")
    add("danger", "The backup stopped, because it went on differently elsewhere.");
  if (security.mayBeStale !== undefined)
    add("warn", "What was recovered may not be the newest. Look at it and accept it.");
  if (!phraseConfirmed)
    add("warn", "Your recovery phrase is not confirmed. Without it, losing this device loses your files.");
  if (security.slots.rekey === "interrupted") add("warn", "Changing the key was interrupted. It goes on by itself.");
  if (security.tpm?.lockout === true) add("warn", "The security chip refuses for a while.");
  if (security.backup.state === "none" || security.backup.state === "no-quorum")
    add("warn", backupInWords(security.backup, 0).text);
  return concerns;
}
