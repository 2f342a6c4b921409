/**
 * Machines that are there already, memory and all, so that a scenario whose subject is not the boot begins in seconds.
 * Each is made of one image, when it is first asked for, and kept until the image is another.
 */
import { hash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { ReleaseImage } from "@piccolo/release";
import type { Laboratory, OverlayName } from "./laboratory.ts";
import { Machine } from "./machine.ts";

/** `booted` has a volume and no owner, `claimed` an owner who is signed in nowhere, whose files are unlocked. */
export type SnapshotName = "booted" | "claimed";

/** What somebody before the device has read or made up; everything here is thrown away with the machine. */
export interface OwnerSecrets {
  readonly claimCode: string;
  readonly password: string;
  /** Empty while there is no owner. */
  readonly phrase: string;
}

export interface Snapshot {
  readonly folder: string;
  readonly image: ReleaseImage;
  readonly secrets: OwnerSecrets;
}

const format = 1;
const secretsName = "secrets.json";
const password = "a password nobody would guess";

export const claimCodePattern = /Claim code: ([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})/;

/** SHA-256, in pairs with colons. */
export const authorityPattern = /Fingerprint of its authority \(SHA-256\):\s+((?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2})/;

export async function provideSnapshot(
  laboratory: Laboratory,
  name: SnapshotName,
  overlay: OverlayName | undefined,
): Promise<Snapshot> {
  const image = await laboratory.image(overlay);
  const { shop } = laboratory;
  const key = hash("sha256", JSON.stringify([format, image.disk, shop.tools.root])).slice(0, 16);
  const snapshots = join(shop.folder, "snapshots");
  const prefix = `${name}-${overlay ?? "product"}-`;
  const folder = join(snapshots, `${prefix}${key}`);
  const stored = join(folder, secretsName);
  if (!existsSync(stored)) {
    mkdirSync(snapshots, { recursive: true });
    for (const old of readdirSync(snapshots)) {
      if (old.startsWith(prefix)) rmSync(join(snapshots, old), { recursive: true });
    }
    const secrets = await (name === "booted" ? makeBooted : makeClaimed)(laboratory, image, overlay, folder);
    writeFileSync(stored, JSON.stringify(secrets));
  }
  return { folder, image, secrets: JSON.parse(readFileSync(stored, "utf8")) as OwnerSecrets };
}

async function inMachine<T>(
  laboratory: Laboratory,
  image: ReleaseImage,
  name: string,
  saved: string | undefined,
  use: (machine: Machine) => Promise<T>,
): Promise<T> {
  const { shop } = laboratory;
  const folder = join(shop.folder, "machines", name);
  const variables = await laboratory.firmware("enforcing");
  const given = { name: "snapshot", tools: shop.tools, folder, disk: image.disk, variables };
  const machine = await Machine.create(saved === undefined ? given : { ...given, saved });
  try {
    const result = await use(machine);
    await machine.destroy();
    rmSync(folder, { recursive: true });
    return result;
  } finally {
    await machine.destroy();
  }
}

async function makeBooted(
  laboratory: Laboratory,
  image: ReleaseImage,
  _overlay: OverlayName | undefined,
  folder: string,
): Promise<OwnerSecrets> {
  return inMachine(laboratory, image, basename(folder), undefined, async (machine) => {
    machine.powerOn();
    const [, claimCode = ""] = await machine.untilSays(claimCodePattern);
    await machine.untilAnswers();
    await machine.save(folder);
    return { claimCode, password, phrase: "" };
  });
}

async function makeClaimed(
  laboratory: Laboratory,
  image: ReleaseImage,
  overlay: OverlayName | undefined,
  folder: string,
): Promise<OwnerSecrets> {
  const booted = await laboratory.snapshot("booted", overlay);
  return inMachine(laboratory, image, basename(folder), booted.folder, async (machine) => {
    await machine.restore();
    await machine.untilAnswers();
    const session = machine.client.session();
    const phrase = await session.claim(booted.secrets.claimCode, "Ada", password);
    await session.call("DELETE", "/session");
    await machine.save(folder);
    return { ...booted.secrets, phrase };
  });
}
