import { catalogue } from "@piccolo/fault";

/** What a TPM, or what stands between us and it, can do to us. Each meaning says what to do next. */
export const tpmFaults = catalogue({
  "tpm-lockout": {
    retry: "later",
    meaning:
      "The TPM counted too many wrong tries and refuses protected objects for a while; leave the device switched on, or enter the recovery phrase.",
  },
  "tpm-policy": {
    retry: "never",
    meaning:
      "The device did not start the way it did when this was sealed; start the unchanged system, or enter the recovery phrase.",
  },
  "tpm-auth": {
    retry: "never",
    meaning: "The TPM does not accept the authorization value; reset the TPM's owner in the firmware set-up.",
  },
  "tpm-other-chip": {
    retry: "never",
    meaning:
      "This was sealed in another TPM, or the TPM was cleared since; enter the recovery phrase to seal it in this one.",
  },
  "tpm-full": {
    retry: "later",
    meaning: "The TPM has no room for another object, session or index; restart the device.",
  },
  "tpm-busy": { retry: "later", meaning: "The TPM is busy with itself; try again in a moment." },
  "tpm-not-started": { retry: "later", meaning: "The TPM was not started by the firmware; restart the device." },
  "tpm-nv-missing": {
    retry: "never",
    meaning:
      "An index of the TPM's memory is absent or was never written, so the TPM was cleared; enter the recovery phrase.",
  },
  "tpm-nv-defined": { retry: "never", meaning: "The index of the TPM's memory is in use already; read it first." },
  "tpm-refused": {
    retry: "never",
    meaning: "The TPM does not take a command as we sent it; this is a bug or an unsupported TPM, report it.",
  },
  "tpm-failed": { retry: "later", meaning: "The TPM reports that it failed; switch the device off and on again." },
  "tpm-malformed": {
    retry: "later",
    meaning: "The TPM's answer has not the form of the specification; restart the device, and report it if it stays.",
  },
  "tpm-tampered": {
    retry: "never",
    meaning:
      "An answer was changed between the TPM and the processor; examine the device's board before you trust it again.",
  },
});
