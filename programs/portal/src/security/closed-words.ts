/** Why a device is closed, and what to do about it, in plain words. */
import type { Status } from "../api/queries.ts";

export interface ClosedWords {
  readonly title: string;
  readonly text: string;
}

interface Known extends ClosedWords {
  /** Where nothing that can be typed helps: what does. */
  readonly instead?: string;
}

const restart = "Switch the device off and on again. If that does not help, wait an hour and do it once more.";
const startAnew =
  "What was on this disk cannot be opened any more. Your files lie with the other members: reset the device, then choose “I have a recovery phrase”.";

const known: Readonly<Record<string, Known>> = {
  "ask-at-boot": {
    title: "Enter your password to start",
    text: "You chose that this device asks for your password each time it starts. Until then it does nothing, for you or for others.",
  },
  "tpm-other-chip": {
    title: "The security chip is another one",
    text: "The key of this device's disk was kept by a security chip that is gone, was cleared, or belongs to another machine. Your recovery phrase opens the disk all the same, and nothing has to be fetched again.",
  },
  "tpm-policy": {
    title: "The device did not start as expected",
    text: "Its firmware or software differs from what the security chip was told to trust, so the chip keeps the key. If you changed something yourself, your recovery phrase opens the device. If you did not, ask yourself who had it in hands.",
  },
  "tpm-superseded": {
    title: "This is an older state of the disk",
    text: "Since then the password, the keys or a setting was changed, or the device was reset, and the security chip opens nothing from before. Put the newest disk back and restart, or open this one with the recovery phrase of then. If you changed no disk yourself, ask yourself who had the device in hands.",
  },
  "tpm-nv-missing": {
    title: "The security chip lost its memory",
    text: "What it remembered for this device was removed, so it keeps the key. Your recovery phrase opens the disk, and the chip learns the key anew. If you did not clear the chip yourself, ask yourself who had the device in hands.",
  },
  "tpm-nv-defined": {
    title: "Another program uses the security chip's memory",
    text: "Where this device keeps what it remembers, something else lies now. Clear the security chip in the firmware set-up and restart; your recovery phrase then opens the disk.",
    instead: "Clear the security chip in the firmware set-up, then restart.",
  },
  "tpm-missing": {
    title: "The security chip does not answer",
    text: "It may be switched off in the firmware set-up. Switch it on again and restart, or open the device with your recovery phrase.",
  },
  "tpm-lockout": {
    title: "The security chip refuses for a while",
    text: "It has counted too many wrong attempts. It opens again by itself after some time; your recovery phrase opens the device now.",
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
  "tpm-failed": {
    title: "The security chip reports a failure",
    text: "A restart may help. If the chip is broken, your recovery phrase opens the device with a new one.",
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
    instead: "Whoever looks after the machine has to install gocryptfs and fuse3, and allow the use of /dev/fuse.",
  },
  "volume-busy": {
    title: "The disk is still in use",
    text: "A program from before the restart still uses it.",
    instead: restart,
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

/** A reason this version does not know is told in the device's own words. */
export function closedInWords(
  status: Pick<Status, "reasons" | "opensWith">,
): ClosedWords & { readonly instead: string } {
  const [reason] = status.reasons;
  const words = known[reason?.code ?? "closed"] ?? {
    title: "The device's disk is closed",
    text: reason?.detail ?? "",
  };
  const nothingOpens = status.opensWith.length === 0;
  return { title: words.title, text: words.text, instead: nothingOpens ? (words.instead ?? restart) : "" };
}
