import { type RecoverySheet, routes, type SecurityBackup, type SecurityView, type Task } from "@piccolo/device-api";
import { passwordSlotCost } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { Auth } from "../auth/auth.ts";
import { authFaults } from "../auth/types.ts";
import type { Api } from "../http/api.ts";
import type { Keyring } from "./keyring.ts";
import type { OwnerSecurity } from "./owner-security.ts";
import { answerPhraseFaults } from "./phrase-answer.ts";
import type { Reencryption } from "./reencrypt.ts";
import { checkDeviceName } from "./reset.ts";
import type { SecurityChip } from "./security-chip.ts";
import type { Volume } from "./volume.ts";

/** Who keeps copies of the sealed phrase slot. */
export interface SlotCopies {
  readonly copies: number;
  readonly atCentral: boolean;
}

export interface SecurityRouteOptions {
  readonly auth: Auth;
  readonly keyring: Keyring;
  readonly security: OwnerSecurity;
  readonly chip: SecurityChip;
  readonly volume: Volume;
  readonly deviceName: string;
  readonly insecure: readonly string[];
  readonly backup: () => SecurityBackup;
  readonly slotCopies: () => SlotCopies;
  /** When another device took this one's place. */
  readonly replacedAtMs: () => number | undefined;
  readonly mayBeStale: () => SecurityView["mayBeStale"];
  readonly sheet: () => Omit<RecoverySheet, "ownerName">;
  /** The part of a re-key that outlasts its request: ends with the old root forgotten. */
  readonly unlockedWork: {
    readonly isRekeyRunning: boolean;
    startRekey(): Task;
  };
  readonly reencryption: Pick<Reencryption, "view" | "begin">;
  /** Throws `locked`, `not-left`. */
  readonly leaveNetwork: () => Promise<void>;
  /** Ends the device and removes all of it, once the reply is out. */
  readonly reset: () => void;
}

export function mountSecurity(api: Api, options: SecurityRouteOptions): void {
  const { auth, keyring, security, chip, volume, insecure, unlockedWork } = options;

  const rekeyState = (): SecurityView["slots"]["rekey"] => {
    if (unlockedWork.isRekeyRunning) return "running";
    return security.rekey.running ? "interrupted" : "none";
  };

  api.openapi(routes["GET /security"], async (c) => {
    const { identity } = security;
    const { passwordSlot } = keyring.slots();
    if (identity === undefined) throw authFaults.fault("not-claimed", "this device has no owner yet; set it up first");
    const replacedAtMs = options.replacedAtMs();
    const mayBeStale = options.mayBeStale();
    const cost = passwordSlot === undefined ? undefined : passwordSlotCost(passwordSlot);
    const { passwordChangedAtMs: changedAtMs, phraseMadeAtMs: madeAtMs, phraseConfirmed, epoch } = identity;
    const view: SecurityView = {
      unlocked: keyring.unlocked,
      slots: {
        epoch,
        password: { memoryKiB: cost?.memoryKiB ?? 0, passes: cost?.passes ?? 0, changedAtMs },
        phrase: {
          state: phraseConfirmed ? "confirmed" : "unconfirmed",
          number: security.phraseNumber,
          madeAtMs,
          ...options.slotCopies(),
        },
        rekey: rekeyState(),
      },
      reencryption: options.reencryption.view(),
      ...(insecure.includes("no-tpm") ? {} : { tpm: await tpmView(chip) }),
      volume: { backend: volume.backend, encrypted: volume.backend !== "plain-folder" },
      backup: options.backup(),
      insecure: [...insecure],
      askAtBoot: security.asksAtBoot,
      ...(replacedAtMs === undefined ? {} : { replaced: { atMs: replacedAtMs } }),
      ...(mayBeStale === undefined ? {} : { mayBeStale }),
    };
    return c.json(view, 200);
  });

  api.openapi(routes["POST /security/phrase"], async (c) => {
    const { password } = c.req.valid("json");
    const shown = await auth.withRoot(c.env.caller, password, (root) => security.makePhrase(root));
    return c.json({ ...shown, words: [...shown.words], askedBack: [...shown.askedBack] }, 201);
  });

  api.openapi(routes["POST /security/phrase/confirm"], (c) => {
    const proof = c.req.valid("json");
    return answerPhraseFaults("phrase" in proof ? proof.phrase : "", async () => {
      await security.alone(() => security.confirmPhrase(proof));
      return c.body(null, 204);
    });
  });

  api.openapi(routes["POST /security/ask-at-boot"], async (c) => {
    const { enabled, password } = c.req.valid("json");
    await auth.withRoot(c.env.caller, password, (root) => security.setAskAtBoot(root, enabled, password));
    return c.body(null, 204);
  });

  api.openapi(routes["POST /security/rekey"], (c) => {
    const { password, confirmation } = c.req.valid("json");
    return answerPhraseFaults("phrase" in confirmation ? confirmation.phrase : "", async () => {
      const { caller } = c.env;
      const task = await auth.withRoot(caller, password, async (root) => {
        await security.rekey.begin(root, password, confirmation);
        // Still in its turn: what a device that closes waits for starts nothing afterwards.
        return unlockedWork.startRekey();
      });
      return c.json(task, 202);
    });
  });

  api.openapi(routes["POST /security/re-encrypt"], async (c) => {
    const { password } = c.req.valid("json");
    keyring.keys();
    await auth.withRoot(c.env.caller, password, () => undefined);
    return c.json(options.reencryption.begin(), 202);
  });

  api.openapi(routes["GET /security/recovery-sheet"], (c) => {
    return c.json({ ...options.sheet(), ownerName: security.identity?.name ?? "" }, 200);
  });

  api.openapi(routes["POST /factory-reset"], (c) => {
    const { confirmation, password = "", claimCode = "", phrase, leaveNetwork = false } = c.req.valid("json");
    return answerPhraseFaults(phrase ?? "", async () => {
      checkDeviceName(confirmation, options.deviceName);
      // Before there is an owner, whoever may claim the device may also have it begin anew.
      if (!keyring.hasOwner) auth.checkClaimCode(c.env.caller, claimCode);
      else if (phrase !== undefined) auth.checkPhrase(c.env.caller, phrase);
      else await auth.withRoot(c.env.caller, password, () => undefined);
      if (leaveNetwork && keyring.hasOwner) await options.leaveNetwork();
      // Who asked may have gone meanwhile.
      if (c.env.outgoing.destroyed) options.reset();
      else c.env.outgoing.once("close", options.reset);
      return c.body(null, 204);
    });
  });
}

/** A chip that gives no endorsement key, or fails at it, is shown all the same. */
async function tpmView(chip: SecurityChip): Promise<NonNullable<SecurityView["tpm"]>> {
  const described = await chip.describe();
  try {
    const { endorsementKey, certificates } = await chip.identity();
    return { ...described, identity: { endorsementKey, certificates: [...certificates] } };
  } catch (error) {
    if (!isFault(error)) throw error;
    return described;
  }
}
