/**
 * The port to the chip that keeps what opens without a person: the volume key and the pepper. The adapters are
 * `Tpm2Chip` (a TPM 2.0) and `MemoryChip` (tests and `--insecure-no-tpm`) in `adapters/tpm`; both run one suite.
 */
import { catalogue, type Fault } from "@piccolo/fault";

/** What is sealed, which decides when it opens: `volume` only before anything of this boot has used it (PCR 15 zero). */
export type SealedUse = "volume" | "pepper";

/** `next`: for the time after what was sealed before is superseded; it opens at once, too. */
export type SealedWhen = "now" | "next";

/** Most bytes one blob can hold (TPM 2.0 Part 2, MAX_SYM_DATA). */
export const sealedSecretBytesMax = 128;

/** Faults of the port itself; those of the chip are `tpmFaults` of `@piccolo/tpm2`. */
export const securityChipFaults = catalogue({
  "tpm-missing": {
    retry: "never",
    meaning: "There is no TPM to talk to; switch it on in the firmware set-up, or start with --insecure-no-tpm.",
  },
  "tpm-timeout": {
    retry: "later",
    meaning: "The TPM did not answer in time; restart the device.",
  },
  "tpm-superseded": {
    retry: "never",
    meaning:
      "This was sealed before a password or a setting was changed, and opens no more: put the device's newest disk back, or enter the recovery phrase.",
  },
  "release-too-old": {
    retry: "never",
    meaning:
      "The TPM was told to let no release as old as this one open anything: install a later release, or clear the TPM in the firmware set-up, after which the recovery phrase opens the device.",
  },
  "tpm-window-closed": {
    retry: "later",
    meaning: "The volume key was used in this boot already and stays shut until the next; restart the device.",
  },
});

export interface ChipDescription {
  /** Four letters of the vendor, such as `IFX` or `IBM`. */
  readonly manufacturer: string;
  readonly firmware: string;
  /** The TPM counted too many wrong tries and refuses objects with protection against guessing (ours have none). */
  readonly lockout: boolean;
  /** A software TPM, which protects nothing from whoever runs the machine. */
  readonly simulated: boolean;
}

/** The endorsement keys whose certificate the maker may have left in a chip: by template L-1 and L-2 of the TCG's profile. */
export type CertifiedKey = "rsa-2048" | "ecc-p256";

/** What tells this chip from any other. It is what the chip says: whoever sits between it and the processor can say another's. */
export interface ChipIdentity {
  /**
   * SHA-256 of the public endorsement key (ECC P-256, template L-2, as SubjectPublicKeyInfo), lower-case hex. The same for the life of
   * the chip, also after it was cleared.
   */
  readonly endorsementKey: string;
  /** Of which endorsement keys certificates lie in the chip. They are not read. */
  readonly certificates: readonly CertifiedKey[];
}

export interface SecurityChip {
  /**
   * Seals 1 to 128 bytes in this chip; the blob is public and useless elsewhere. `expected` are values that PCR 7 will have in coming starts
   * (at most three): it opens in those as well as in one like this.
   */
  seal(secret: Uint8Array, use: SealedUse, when?: SealedWhen, expected?: readonly Uint8Array[]): Promise<Uint8Array>;
  /**
   * The caller erases the result after use. Throws `tpm-missing`, `tpm-lockout`, `tpm-other-chip` (blob of another TPM,
   * a cleared one, or damaged), `tpm-policy` (boot state differs), `release-too-old` (below the minimum release), `tpm-superseded`,
   * `tpm-window-closed` (PCR 15 was extended in this boot), `tpm-timeout`, `tpm-tampered`, `tpm-failed` and others of the two catalogues.
   */
  unseal(blob: Uint8Array): Promise<Uint8Array>;
  /**
   * From now on nothing opens that was sealed before this blob, which was sealed for `next` and lies on the disk by now,
   * so that a power cut at any moment leaves something that opens. Nothing happens where that is so already.
   * Throws `tpm-other-chip`, `tpm-nv-missing`.
   */
  supersede(blob: Uint8Array): Promise<void>;
  /**
   * Throws `tpm-policy` where what was started is not what the release signed, and `release-too-old` where it is a release that must not
   * run any more, so that nobody should type a secret here.
   * Without signed boots only own command lines and extensions are refused.
   */
  checkStart(): Promise<void>;
  /**
   * Whether it would be sealed otherwise now: to another key of the release, or for other values of PCR 7 than the present one and the
   * `expected`. Throws `tpm-other-chip`.
   */
  isOutdated(blob: Uint8Array, expected?: readonly Uint8Array[]): Promise<boolean>;
  /**
   * From now on no release below this number opens anything, for good; a number below the minimum changes nothing. `stillToOpen` is
   * what has to open nevertheless. Throws `tpm-policy` where it would not.
   */
  raiseMinimumRelease(to: number, stillToOpen: readonly Uint8Array[]): Promise<void>;
  /**
   * Measures into PCR 15 which volume is open (its public identity, 32 bytes), or that it stays closed: from now on nothing sealed for
   * `volume` opens until the chip is reset by a boot. Repeatable: what stands there already is not measured again.
   */
  closeWindow(identity: Uint8Array | undefined): Promise<void>;
  /** PCR 0 to 15 of the SHA-256 bank, by number: what was measured in this boot so far. */
  pcrs(): Promise<ReadonlyMap<number, Uint8Array>>;
  describe(): Promise<ChipDescription>;
  /**
   * Leaves nothing behind, in the chip or of its tries. The first answer takes a chip up to seconds. Throws `tpm-auth` or `tpm-refused` where
   * the chip gives no endorsement key: its hierarchy has a password or is switched off.
   */
  identity(): Promise<ChipIdentity>;
  close(): Promise<void>;
}

export function superseded(): Fault {
  return securityChipFaults.fault(
    "tpm-superseded",
    "this was sealed before a password or a setting was changed: put the newest disk back, or enter the recovery phrase",
  );
}
