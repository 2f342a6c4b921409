/**
 * Moments at which a drill may end the process as a power cut would. Each stands next to a commit or an fsync: whatever
 * was acknowledged before must be there after the next start, and nothing half-done may be visible.
 */
import { backupCrashPoints as appBackupCrashPoints } from "./apps/backup/storing.ts";
import { holderCrashPointNames } from "@piccolo/storage/holder";
import { type MetadataLogCrashPoint, metadataLogCrashPoints } from "@piccolo/storage/metadata-log";
import { type OwnerEngineCrashPoint, ownerEngineCrashPoints } from "@piccolo/storage/owner";
import { recoveryCrashPoints } from "./recovery/recovery.ts";
import type { RekeyCrashPoint } from "./security/rekey.ts";
import { resealCrashPoints } from "./security/resealing.ts";

const fileCrashPoints = [
  "before-upload-creation",
  "after-upload-creation",
  "before-version-completion",
  "after-version-completion",
  "before-node-change",
  "after-node-change",
  "before-trashing",
  "after-trashing",
] as const;
export type FileCrashPoint = (typeof fileCrashPoints)[number];

/** Those of a re-key: only a drill that does one reaches them. */
export const rekeyCrashPoints = [
  "before-rekey-slots",
  "after-rekey-slots",
  "before-rekey-page",
  "after-rekey-page",
  "before-rekey-entry",
  "after-rekey-entry",
  "before-rekey-identity",
  "after-rekey-identity",
  "before-rekey-checkpoint",
  "after-rekey-checkpoint",
  "before-rekey-end",
  "after-rekey-end",
] as const satisfies readonly RekeyCrashPoint[];

/** Those of giving files new keys: only who does that reaches them. */
export const reencryptCrashPoints: readonly OwnerEngineCrashPoint[] = ["before-replacement", "after-replacement"];

/** Those of the backup that every change reaches once it has a witness. */
const backupCrashPoints = [
  "entry-made",
  "entry-sent",
  "before-witnessed",
  "after-witnessed",
] as const satisfies readonly MetadataLogCrashPoint[];

/** Those of a checkpoint: many changes, or a migration, make one due. */
export const checkpointCrashPoints: readonly MetadataLogCrashPoint[] = metadataLogCrashPoints.filter(
  (name) => !backupCrashPoints.some((other) => other === name),
);

/** Those of apps: around each step of a change, and while a volume is frozen for its copy. */
export const appCrashPoints = ["before-app-step", "after-app-step", "volume-frozen"] as const;
export type AppCrashPoint = (typeof appCrashPoints)[number];

/** Those a device reaches as the owner's. */
export const ownerCrashPoints: readonly string[] = [
  ...ownerEngineCrashPoints.filter((name) => !reencryptCrashPoints.includes(name)),
  ...fileCrashPoints,
  ...backupCrashPoints,
];
/** Those it reaches as a holder of others' fragments. */
export const holderCrashPoints: readonly string[] = holderCrashPointNames;

export interface ArmedCrash {
  readonly name: string;
  /** The process ends when the point is reached this many times. */
  readonly count: number;
}

/** Undefined where the text is not NAME:COUNT with the name of a crash point. */
export function parseArmedCrash(text: string): ArmedCrash | undefined {
  const [, name = "", digits = ""] = /^([a-z-]+):([1-9]\d{0,5})$/.exec(text) ?? [];
  const known = [
    ...ownerCrashPoints,
    ...holderCrashPoints,
    ...rekeyCrashPoints,
    ...resealCrashPoints,
    ...reencryptCrashPoints,
    ...checkpointCrashPoints,
    ...recoveryCrashPoints,
    ...appBackupCrashPoints,
    ...appCrashPoints,
  ].includes(name);
  return known ? { name, count: Number(digits) } : undefined;
}

/** What the code calls at each point. `end` is told to end the process at once, with nothing tidied up. */
export function createCrashPoint(armed: ArmedCrash | undefined, end: () => void): (name: string) => void {
  if (armed === undefined) return () => undefined;
  let left = armed.count;
  return (name) => {
    if (name !== armed.name) return;
    left--;
    if (left === 0) end();
  };
}
