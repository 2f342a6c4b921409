import { z } from "@hono/zod-openapi";
import { password, Session } from "./session.ts";
import { Task } from "./tasks.ts";

/** A proof that it is still the owner who sits there. */
const currentPassword = z.string().max(1024);
/** 24 words with spaces between them; the device says which word is misspelt. */
const phraseText = z.string().min(1).max(1024);
const claimCode = z.string().min(1).max(200);

/** A fresh recovery phrase. The device shows it this once and keeps none of it. */
export const NewPhrase = z
  .object({
    words: z.array(z.string()),
    /** Positions, from 1, of the words that are asked back. */
    askedBack: z.array(z.int().min(1)),
    /** Until then it can be confirmed by these words; afterwards a further phrase has to be made. */
    expiresAtMs: z.number(),
  })
  .openapi("NewPhrase");
export type NewPhrase = z.infer<typeof NewPhrase>;

/** The new owner's session, and the phrase to write down: set-up is complete once it is confirmed. */
export const Claimed = Session.extend({ phrase: NewPhrase.optional() }).openapi("Claimed");
export type Claimed = z.infer<typeof Claimed>;

/** Either the words that were asked back, or the whole phrase, which can be checked at any later time. */
export const PhraseConfirmation = z
  .union([
    z.object({
      words: z
        .array(z.object({ position: z.int().min(1).max(24), word: z.string().max(40) }))
        .min(1)
        .max(24),
    }),
    z.object({ phrase: phraseText }),
  ])
  .openapi("PhraseConfirmation");
export type PhraseConfirmation = z.infer<typeof PhraseConfirmation>;

export const PasswordProof = z.object({ password: currentPassword }).openapi("PasswordProof");
export type PasswordProof = z.infer<typeof PasswordProof>;

/** The phrase made just before becomes that of a new key epoch: words, or a whole phrase, as for its confirmation. */
export const Rekey = z.object({ password: currentPassword, confirmation: PhraseConfirmation }).openapi("Rekey");
export type Rekey = z.infer<typeof Rekey>;

export const AskAtBoot = z.object({ enabled: z.boolean(), password: currentPassword }).openapi("AskAtBoot");
export type AskAtBoot = z.infer<typeof AskAtBoot>;

/** In closed mode: the phrase stands in for the security chip, whose copy of the password's part may be gone. */
export const OpenVolume = z.object({ phrase: phraseText, newPassword: password }).openapi("OpenVolume");
export type OpenVolume = z.infer<typeof OpenVolume>;

/** The password is forgotten: the phrase shows who the owner is. */
export const ResetLogin = z.object({ phrase: phraseText, newPassword: password }).openapi("ResetLogin");
export type ResetLogin = z.infer<typeof ResetLogin>;

/**
 * Brings an owner's content onto this unclaimed device. `place` says where the network may be found when central does
 * not answer: the text of a recovery sheet, or the address (multiaddr) of one member's device.
 */
export const Recover = z
  .object({ claimCode, phrase: phraseText, newPassword: password, place: z.string().max(4096).optional() })
  .openapi("Recover");
export type Recover = z.infer<typeof Recover>;

/**
 * The task that recovers, and a session with which it can be followed. While it runs the device is still unclaimed, and
 * a signed-in client finds it among the tasks. When it fails, the session lasts ten minutes more, so that the reason can
 * be read.
 */
export const Recovering = z.object({ task: Task, session: Session }).openapi("Recovering");
export type Recovering = z.infer<typeof Recovering>;

/**
 * `confirmation` is the device's name. While nobody owns the device the claim code proves the right to it, otherwise the
 * password, or the phrase of who has forgotten that, of somebody who is signed in.
 */
export const FactoryReset = z
  .object({
    confirmation: z.string().max(200),
    claimCode: claimCode.optional(),
    password: currentPassword.optional(),
    phrase: phraseText.optional(),
    /**
     * Tells the other members that the owner leaves for good: they free what they keep for him, and his phrase brings
     * nothing back. Without it the device is as lost, and a new one takes its place by the phrase.
     */
    leaveNetwork: z.boolean().optional(),
  })
  .openapi("FactoryReset");
export type FactoryReset = z.infer<typeof FactoryReset>;

/** What is printed beside the phrase: where the network is found again. No part of it is a secret. */
export const RecoverySheet = z
  .object({
    ownerName: z.string(),
    networkName: z.string(),
    /** Lower-case hex; empty while the device is in no network. */
    networkId: z.string(),
    centralUrl: z.string(),
    /**
     * SHA-256 of the certificate of the authority that vouches for this device's pages, as browsers and the device's screen show it: 32
     * pairs of upper-case hex digits with colons between them. Absent where the device speaks plain HTTP.
     */
    authorityFingerprint: z
      .string()
      .regex(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/)
      .optional(),
    /** At most three. */
    members: z.array(
      z.object({
        name: z.string(),
        /** Multiaddrs. */
        addresses: z.array(z.string()),
        /** SHA-256 of the device key, lower-case hex. */
        keyHash: z.string(),
      }),
    ),
    /** Where the network is found as one line, for `place` of the recovery. */
    text: z.string(),
    madeAtMs: z.number(),
  })
  .openapi("RecoverySheet");
export type RecoverySheet = z.infer<typeof RecoverySheet>;

export const SecuritySlots = z
  .object({
    /** Key epoch, raised by each re-key. */
    epoch: z.int(),
    password: z.object({ memoryKiB: z.int(), passes: z.int(), changedAtMs: z.number() }),
    phrase: z.object({
      /** `unconfirmed`: nobody has shown yet that the phrase was written down. */
      state: z.enum(["unconfirmed", "confirmed"]),
      /** Raised by each new phrase. */
      number: z.int(),
      madeAtMs: z.number(),
      /** Other devices that keep the sealed slot, and whether central does. */
      copies: z.int(),
      atCentral: z.boolean(),
    }),
    /** `interrupted`: goes on by itself once the device is unlocked. */
    rekey: z.enum(["none", "running", "interrupted"]),
  })
  .openapi("SecuritySlots");
export type SecuritySlots = z.infer<typeof SecuritySlots>;

export const SecurityBackup = z
  .object({
    /**
     * `none`: there is nobody to back up to. `stale`: after a recovery, until it is settled what is newest, nothing is
     * changed and nothing is backed up. `replaced`: another device took this one's place; `forked`: it went on with other changes than
     * these.
     */
    state: z.enum(["none", "stale", "checking", "ready", "catching-up", "no-quorum", "forked", "replaced"]),
    /** Newest entry of the metadata log made here, and the newest that enough witnesses have. */
    sequence: z.number(),
    witnessedSequence: z.number(),
    /** Since the newest witnessed entry was made; null while there is none. */
    ageMs: z.number().nullable(),
    checkpointSequence: z.number(),
    /** Whether changes wait that no witness has yet. */
    waitingChanges: z.boolean(),
    /** How many witnesses have to have an entry. */
    quorum: z.int(),
    witnesses: z.array(z.object({ account: z.string(), name: z.string(), online: z.boolean(), sequence: z.number() })),
  })
  .openapi("SecurityBackup");
export type SecurityBackup = z.infer<typeof SecurityBackup>;

/** New keys for what an earlier key epoch could read. */
export const Reencryption = z
  .object({
    /**
     * `offered`: there is something to do since a re-key. `interrupted`: goes on by itself once the device is unlocked and
     * knows the newest state.
     */
    state: z.enum(["none", "offered", "running", "interrupted"]),
    /** What has a key of an earlier epoch. */
    versions: z.int(),
    bytes: z.number(),
  })
  .openapi("Reencryption");
export type Reencryption = z.infer<typeof Reencryption>;

export const SecurityView = z
  .object({
    unlocked: z.boolean(),
    slots: SecuritySlots,
    reencryption: Reencryption,
    /** Absent when the device runs without a security chip. */
    tpm: z
      .object({
        manufacturer: z.string(),
        firmware: z.string(),
        /** It refuses all attempts for a time, after too many wrong ones. */
        lockout: z.boolean(),
        /**
         * What tells this chip from any other, as the chip says it; nothing proves it to the device. Absent where the chip gives no endorsement
         * key: its endorsement hierarchy has a password or is switched off, or the chip fails.
         */
        identity: z
          .object({
            /** SHA-256 of the endorsement key (ECC P-256, TCG template L-2) as SubjectPublicKeyInfo, lower-case hex. */
            endorsementKey: z.string().regex(/^[0-9a-f]{64}$/),
            /** Of which endorsement keys the maker left certificates in the chip; they are not checked. */
            certificates: z.array(z.enum(["rsa-2048", "ecc-p256"])),
          })
          .optional(),
        /** Software on the same machine: good for development, no protection from a thief. */
        simulated: z.boolean(),
      })
      .optional(),
    volume: z.object({ backend: z.enum(["gocryptfs", "luks2", "plain-folder"]), encrypted: z.boolean() }),
    backup: SecurityBackup,
    /** Names of what the device was told to do without; shown in red. */
    insecure: z.array(z.string()),
    /** Whether the volume opens only with chip and password together. */
    askAtBoot: z.boolean(),
    /** Present when another device took this one's place. */
    replaced: z.object({ atMs: z.number() }).optional(),
    /**
     * Present after a recovery in which too few witnesses answered: what was found may not be the newest. Until the
     * owner accepts it, or enough have answered, files can be read and nothing is changed or freed.
     */
    mayBeStale: z
      .object({
        /** Witnesses that answered, and how many would have to. */
        answered: z.int(),
        needed: z.int(),
        /** When the newest entry that was found had been made; null where none was found. */
        newestAtMs: z.number().nullable(),
      })
      .optional(),
  })
  .openapi("Security");
export type SecurityView = z.infer<typeof SecurityView>;
