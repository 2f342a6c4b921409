/** Why a device is closed, and what to do about it, in plain words. */
import type { ClosedReasonCode } from "@piccolo/device-api";
import type { Status } from "../api/queries.ts";

export interface ClosedWords {
  readonly title: string;
  readonly text: string;
}

interface Known extends ClosedWords {
  /** Follows the text where the phrase opens the device. */
  readonly byPhrase?: string;
  /** Where nothing that can be typed helps: what does. */
  readonly instead?: string;
}

const restart = "Switch the device off and on again. If that does not help, wait an hour and do it once more.";
/** A closed device cannot know whether its files lie anywhere else. */
const nowhereElse =
  "If it was in none, your files lie nowhere else: erase nothing, and keep the disk until somebody has looked at it.";
const startAnew = `This device cannot open any more what is on its disk. If it was in a network, your files lie with the other members: reset the device, then choose “I have a recovery phrase”. ${nowhereElse}`;
const installAnew = `This device cannot open any more what is on its disk. If it was in a network, your files lie with the other members: install the system from its USB stick again, with an empty file named erase-the-disk on the stick, then choose “I have a recovery phrase”. ${nowhereElse}`;
/** What the stick does without that file is to stop at a disk that is in use. */
const repair = "with an empty file named repair-the-system on the stick: what is on the disk stays";

const unchanged = `Nothing can be typed in here now, for your own safety. Take out disks and USB sticks that do not belong to the device, and restart. If that does not help, install the system from its USB stick again, ${repair}.`;
const newest = `Install the newest release from its USB stick, ${repair}.`;
/** The image takes no phrase in a start that its chip cannot vouch for. */
const otherMachine =
  "If the chip is broken, put the disk into another PC: your recovery phrase opens it there, once the installer's USB stick has put its keys into that PC's firmware.";
const chipOff = `Switch the security chip (TPM) on in the firmware set-up, then restart. ${otherMachine}`;
const chipFailure: Known = {
  title: "The security chip reports a failure",
  text: "A restart may help.",
  byPhrase: "If the chip is broken, your recovery phrase opens the device with a new one.",
  instead: `${restart} ${otherMachine}`,
};
const chipBusy: Known = {
  title: "The security chip is busy",
  text: "It has no room, or no time, for this device at the moment.",
  instead: restart,
};

const known: Readonly<Record<ClosedReasonCode, Known>> = {
  "ask-at-boot": {
    title: "Enter your password to start",
    text: "You chose that this device asks for your password each time it starts. Until then it does nothing, for you or for others.",
  },
  "tpm-other-chip": {
    title: "The security chip is another one",
    text: "The key of this device's disk was kept by a security chip that is gone, was cleared, or belongs to another machine.",
    byPhrase: "Your recovery phrase opens the disk all the same, and nothing has to be fetched again.",
  },
  "tpm-policy": {
    title: "The device did not start as expected",
    text: "Its firmware or software differs from what the security chip was told to trust, so the chip keeps the key.",
    byPhrase:
      "If you changed something yourself, your recovery phrase opens the device. If you did not, ask yourself who had it in hands.",
    instead: unchanged,
  },
  "tpm-superseded": {
    title: "This is an older state of the disk",
    text: "Since then the password, the keys or a setting was changed, or the device was reset, and the security chip opens nothing from before. If you changed no disk yourself, ask yourself who had the device in hands.",
    byPhrase: "Put the newest disk back and restart, or open this one with the recovery phrase of then.",
    instead: "Put the newest disk back, then restart.",
  },
  "tpm-nv-missing": {
    title: "The security chip lost its memory",
    text: "What it remembered for this device was removed, so it keeps the key. If you did not clear the chip yourself, ask yourself who had the device in hands.",
    byPhrase: "Your recovery phrase opens the disk, and the chip learns the key anew.",
  },
  "tpm-nv-defined": {
    title: "Another program uses the security chip's memory",
    text: "Where this device keeps what it remembers, something else lies now.",
    byPhrase: "Clear the security chip in the firmware set-up and restart; your recovery phrase then opens the disk.",
    instead: "Clear the security chip in the firmware set-up, then restart.",
  },
  "tpm-missing": {
    title: "The security chip does not answer",
    text: "It may be switched off in the firmware set-up.",
    byPhrase: "Switch it on again and restart, or open the device with your recovery phrase.",
    instead: chipOff,
  },
  "tpm-lockout": {
    title: "The security chip refuses for a while",
    text: "It has counted too many wrong attempts. It opens again by itself after some time.",
    byPhrase: "Your recovery phrase opens the device now.",
    instead: restart,
  },
  "tpm-window-closed": {
    title: "The device has to be restarted",
    text: "The security chip gives the disk's key once in each start, and this time is over.",
    instead: restart,
  },
  "tpm-timeout": {
    title: "The security chip did not answer in time",
    text: "A restart usually helps.",
    instead: restart,
  },
  "tpm-tampered": {
    title: "Somebody listens to the security chip",
    text: "What came from the chip was changed on its way. Do not enter anything here before you have looked at the device: nobody should have opened it.",
  },
  "tpm-failed": chipFailure,
  "tpm-malformed": chipFailure,
  "tpm-refused": {
    title: "The security chip does not know a command",
    text: "It is of a kind that this system does not know well enough.",
    byPhrase: "Your recovery phrase opens the device; please report which machine it is.",
    instead:
      "Please report which machine this is: its security chip is of a kind the system does not know well enough.",
  },
  "tpm-auth": {
    title: "The security chip has another owner",
    text: "A password was set in it by another system or program.",
    byPhrase: "Clear the security chip in the firmware set-up and restart; your recovery phrase then opens the disk.",
    instead: "Clear the security chip in the firmware set-up, then restart.",
  },
  "tpm-busy": chipBusy,
  "tpm-full": chipBusy,
  "tpm-not-started": {
    title: "The firmware did not start the security chip",
    text: "Without it nothing tells which system was started. Look for the security chip (TPM) in the firmware set-up and switch it on.",
    instead: chipOff,
  },
  "not-installed": {
    title: "No disk was set up for this device",
    text: "It has no encrypted disk, and no installer asked for one. If this device was in use before, somebody took its disk out or emptied it: put it back and restart. The device does not take this for a fresh start.",
    instead: "For a new device, start the machine from the USB stick with the installer.",
  },
  "no-owner-yet": {
    title: "The device has no owner yet, and its disk does not open",
    text: "Since the system was installed, the firmware, its keys or the security chip have become others, so the chip keeps the key of the disk. Nothing that could be typed opens a device that nobody has set up.",
    instead: `If you have not set the device up yet, nothing is lost: install the system from its USB stick again, with an empty file named erase-the-disk on the stick. If you have, somebody changed its disk: put it back as it was; or, if the device was in a network, install the system again, then choose “I have a recovery phrase”. ${nowhereElse}`,
  },
  "secure-boot-off": {
    title: "Secure Boot is switched off",
    text: "Without it anybody's system could be running here and look just like this one, so this device takes no password and no phrase.",
    instead:
      "Switch Secure Boot on in the firmware set-up and restart. If the set-up says that it has no keys, start the installer from its USB stick once more. Until then type nothing into this device.",
  },
  "no-uefi": {
    title: "The machine was started in the old way",
    text: "It was started by BIOS, where nothing checks which system runs, so this device takes no password and no phrase.",
    instead:
      "Choose UEFI, without “legacy” or “CSM”, in the firmware set-up and restart. Until then type nothing into this device.",
  },
  "start-not-trusted": {
    title: "The device did not start as it should",
    text: "What was started is not what its release says, so this device takes no password and no phrase: it could be there to catch them.",
    instead: unchanged,
  },
  "release-too-old": {
    title: "The device runs a release that is too old",
    text: "Its security chip was told to open nothing for a release as old as this one, which has faults that a later one mended. So this device takes no password and no phrase. Nothing is lost.",
    instead: `${newest} If this is the newest one there is, other software wrote into the chip, or the machine ran somebody else's releases: clear the security chip (TPM) in the firmware set-up and restart. A device with an owner then opens by its recovery phrase, and a new one begins.`,
  },
  "volume-two-partitions": {
    title: "Two disks say they are this device's",
    text: "The machine finds two data partitions, and cannot know which of them is yours. Nothing was changed on either.",
    instead: "Switch the device off, take out the disk that does not belong to it, and switch it on again.",
  },
  "record-was-older": {
    title: "An older state was put right",
    text: "The small file beside the encrypted disk was from before, and was brought up to date.",
    byPhrase: "Enter the newest recovery phrase, or restart.",
    instead: restart,
  },
  "state-in-use": {
    title: "The device is running already",
    text: "Another copy of its program works with the same files.",
    instead: restart,
  },
  "state-damaged": {
    title: "The device's own files cannot be used",
    text: "Beside the encrypted disk lies something that this device did not put there, or the disk fails there.",
    instead:
      "Put the disk back as it was and restart; where the disk fails, install the system on another one. If you changed nothing, ask yourself who had the device in hands.",
  },
  "start-keys-of-others": {
    title: "The device trusts other keys than the release's",
    text: "Its firmware let something start that somebody else signed, so anybody's system could have run before this one.",
    instead:
      "Delete the platform key in the firmware set-up (Setup Mode), then start the installer's USB stick once more, which puts the release's keys alone into the firmware. Until then type nothing into this device.",
  },
  "start-keys-unknown": {
    title: "Nobody can tell by which keys the device started",
    text: "What the firmware wrote down of its keys is not what the security chip holds, or is written in a way that this system does not know.",
    instead:
      "Nothing can be typed in here now, for your own safety. Take out disks and USB sticks that do not belong to the device, and restart. If that does not help, update the machine's firmware; if that does not help either, please report which machine it is.",
  },
  "start-weakened": {
    title: "The firmware runs with a protection switched off",
    text: "It says that its debugger is on, or that other devices may read the memory.",
    instead:
      "In the firmware set-up, switch the debugger off and the protection of the memory on (IOMMU, VT-d, AMD-Vi or DMA protection), and restart. Until then type nothing into this device.",
  },
  "boot-state-unreadable": {
    title: "The device cannot read how it was started",
    text: "The system does not give out its boot log or the firmware's settings whole.",
    instead: restart,
  },
  "volume-missing": {
    title: "The device's disk is gone",
    text: "This device had an encrypted disk, and it is not there. If you took it out, put it back and restart. The device does not take this for a fresh start.",
    instead: startAnew,
  },
  "volume-damaged": {
    title: "The device's disk is damaged",
    text: "Its content was damaged, or changed from outside.",
    instead: startAnew,
  },
  "volume-wrong-key": {
    title: "The disk belongs to another device",
    text: "The key of this device does not open it. If you exchanged disks, put the right one back.",
    instead: startAnew,
  },
  "volume-backend": {
    title: "The device was started differently",
    text: "Its disk was made by another kind of encryption than this start was told to use. Start it as before.",
    instead: "Whoever starts the device has to use the same options as before.",
  },
  "volume-unavailable": {
    title: "The encrypted disk cannot be used here",
    text: "This machine lacks what is needed to open an encrypted disk. Nothing is lost.",
    instead:
      "Restart the device. On a computer of your own, install gocryptfs and fuse3, and allow the use of /dev/fuse.",
  },
  "volume-busy": {
    title: "The disk is still in use",
    text: "A program from before the restart still uses it.",
    instead: restart,
  },
  "database-too-new": {
    title: "The device runs an older release than before",
    text: "A newer release has changed how it keeps its records, which this one cannot read. Nothing is lost.",
    instead: newest,
  },
  "database-damaged": {
    title: "The device's records are damaged",
    text: "The encrypted disk opens, but the records on it cannot be read. The disk may be failing.",
    instead: startAnew,
  },
  "identity-damaged": {
    title: "The device's keys are damaged",
    text: "The encrypted disk opens, but the keys on it cannot be read. The disk may be failing.",
    instead: startAnew,
  },
  "record-missing": {
    title: "The device's key list is gone",
    text: "The small file beside the encrypted disk that says how to open it was removed.",
    instead: startAnew,
  },
  "record-damaged": {
    title: "The device's key list was changed",
    text: "The small file beside the encrypted disk that says how to open it is damaged, or was changed by somebody.",
    instead: startAnew,
  },
  closed: { title: "The device is starting", text: "It opens in a moment.", instead: "Wait a moment." },
};

const wordsOf = (code: string | undefined): Known | undefined =>
  code !== undefined && Object.hasOwn(known, code) ? known[code as ClosedReasonCode] : undefined;

/** A reason this version does not know is told in the device's own words. */
export function closedInWords(
  status: Pick<Status, "reasons" | "opensWith" | "resets">,
): ClosedWords & { readonly instead: string } {
  const [reason, ...further] = status.reasons;
  // Why nobody should type anything here matters more than why the disk is closed, and is often the cause of it. A daemon that was
  // started again has put between them that the chip's window is over, which would hide it.
  const distrusted = further.find(({ code }) => code !== "tpm-window-closed");
  const graver = status.opensWith.length === 0 ? wordsOf(distrusted?.code) : undefined;
  const words = graver ??
    wordsOf(reason?.code ?? "closed") ?? { title: "The device's disk is closed", text: reason?.detail ?? "" };
  const { title, text, byPhrase, instead = restart }: Known = words;
  if (status.opensWith.length === 0) {
    return { title, text, instead: instead === startAnew && !status.resets ? installAnew : instead };
  }
  const isByPhrase = byPhrase !== undefined && status.opensWith.includes("phrase");
  return { title, text: isByPhrase ? `${text} ${byPhrase}` : text, instead: "" };
}
