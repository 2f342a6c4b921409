/** What the fake device knows, and the plausible content it starts with. */
import { crc32, deflateSync } from "node:zlib";
import type {
  Invitation,
  NetworkView,
  Node,
  Placement,
  RecoverySheet,
  BootView,
  SecurityView,
  Task,
  Upload,
  Version,
} from "@piccolo/device-api";

export interface FakeNode {
  node: Node;
  versions: { version: Version; bytes: Uint8Array }[];
}

export interface FakeUpload {
  upload: Upload;
  mediaType: string;
  onConflict: string;
  bytes: Uint8Array[];
}

/** Odd states a look or a test can ask for. */
export interface FakeOptions {
  readonly claimCode?: string;
  readonly claimed?: boolean;
  readonly inNetwork?: boolean;
  readonly invited?: boolean;
  readonly empty?: boolean;
  readonly insecure?: readonly string[];
  readonly clockOffsetMs?: number;
  readonly online?: number;
  /** Nobody can be told that the owner leaves. */
  readonly unheard?: boolean;
  readonly password?: string;
  readonly phase?: "closed" | "locked";
  /** Why the device is closed. */
  readonly reason?: string;
  /** Why nobody should type a secret into it. */
  readonly distrusted?: string;
  readonly resets?: boolean;
  readonly opensWith?: readonly ("password" | "phrase")[];
  readonly phraseConfirmed?: boolean;
  /** Laid over the boot as it was released. */
  readonly boot?: Partial<BootView>;
  /** Laid over the security view. */
  readonly security?: Partial<SecurityView>;
  /** The code a recovery ends with, instead of working. */
  readonly recoveryFails?: string;
  /** The code with which each change of the key ends, instead of working. */
  readonly newKeyFails?: string;
  /** Milliseconds each step of a task takes. */
  readonly stepMs?: number;
  /** Bytes a second that uploads are taken with. */
  readonly uploadRate?: number;
}

const day = 86_400_000;
const minute = 60_000;
export const segmentPlainBytes = 1_000_000;
const names = ["Ada", "Bela", "Chandra", "Dmitri", "Esra", "Fatima", "Grace", "Hedy", "Ines"];
const account = (index: number): string => index.toString(16).padStart(64, "0");

/** No real one: its checksum is not looked at. */
export const fakePhrase: readonly string[] = (
  "lunar canyon orbit velvet mango ribbon harvest tunnel eagle pottery silent window " +
  "copper meadow lizard anchor bright folder ginger humble island jungle kitten lemon"
).split(" ");
const secondPhrase: readonly string[] = (
  "marble nephew ocean pepper quantum rocket salmon timber unique violin walnut yellow " +
  "zebra absorb banner cactus dragon emerge fabric garlic hammer indoor jacket kidney"
).split(" ");
export const nextPhrase = (current: readonly string[]): readonly string[] =>
  current === fakePhrase ? secondPhrase : fakePhrase;
const wordList = [...fakePhrase, ...secondPhrase];

/** Positions from 1 of words the fake does not know, with those of its few that begin alike. */
export function misspeltIn(text: string): { position: number; suggestions: string[] }[] {
  return text
    .split(" ")
    .slice(0, 24)
    .flatMap((word, index) =>
      wordList.some((known) => known === word || (word.length >= 4 && known.startsWith(word)))
        ? []
        : [{ position: index + 1, suggestions: wordList.filter((known) => known.startsWith(word.slice(0, 2))) }],
    );
}

export class FakeState {
  readonly options: FakeOptions;
  claimed: boolean;
  ownerName = "You";
  password: string;
  failures = 0;
  closed: boolean;
  locked: boolean;
  phraseConfirmed: boolean;
  /** The phrase that counts, or is about to. */
  phrase: readonly string[] = fakePhrase;
  phraseNumber = 1;
  epoch = 1;
  askAtBoot = false;
  replaced: boolean;
  stale: boolean;
  rekey: SecurityView["slots"]["rekey"] = "none";
  reencryption: SecurityView["reencryption"]["state"] = "none";
  /** Whether the owner has told the network that he leaves. */
  left = false;
  failedRelease: BootView["failedRelease"];
  /** Whether changes wait for others to confirm them. */
  changesWait = false;
  networkState: NetworkView["state"];
  online: number;
  readonly nodes = new Map<string, FakeNode>();
  readonly trash = new Map<string, FakeNode>();
  readonly uploads = new Map<string, FakeUpload>();
  readonly tasks = new Map<string, Task>();
  invitations: Invitation[] = [];
  #lastId = 0;
  /** What is there from the start was stored in better days. */
  #filling = false;

  constructor(options: FakeOptions) {
    this.options = options;
    this.claimed = options.claimed ?? true;
    this.password = options.password ?? "correct horse";
    this.networkState = (options.inNetwork ?? true) ? "member" : "none";
    this.online = options.online ?? 8;
    this.closed = options.phase === "closed";
    this.locked = options.phase === "locked";
    this.phraseConfirmed = options.phraseConfirmed ?? true;
    this.failedRelease = options.boot?.failedRelease;
    this.replaced = options.security?.replaced !== undefined;
    this.stale = options.security?.mayBeStale !== undefined;
    if (options.empty !== true && this.claimed) this.fill();
  }

  id(): string {
    this.#lastId += 1;
    return `id${this.#lastId}`;
  }

  network(): NetworkView {
    const member = this.networkState === "member";
    const { clockOffsetMs = 0 } = this.options;
    const now = Date.now();
    return {
      state: this.networkState,
      name: member ? "Lindenstrasse" : "",
      networkId: member ? account(0xabc) : "",
      self: account(255),
      members: member
        ? [
            {
              account: account(255),
              name: this.ownerName,
              self: true,
              online: true,
              lastSeenMs: now,
              roundTripMs: 0,
              path: "none",
              joinedAtMs: now - 40 * day,
              clockWrong: false,
              holdsBytes: 0,
            },
            ...names.map((name, index) => ({
              account: account(index),
              name,
              self: false,
              online: index < this.online,
              lastSeenMs: index < this.online ? now : now - 3 * 60 * minute,
              roundTripMs: index < this.online ? 2 + index * 3.4 : null,
              path:
                index < this.online ? (index % 4 === 3 ? ("relay" as const) : ("direct" as const)) : ("none" as const),
              joinedAtMs: now - (200 - index) * day,
              clockWrong: false,
              holdsBytes: 1_830_000_000 + index * 1_111,
            })),
          ]
        : [],
      ...((this.options.invited ?? true) && this.networkState === "none"
        ? { waitingInvitation: { networkName: "Lindenstrasse", invitedBy: "Ada", expiresAtMs: now + 6 * day } }
        : {}),
      ...(member ? { policy: { k: 3, n: 9, survives: 6, ninesPerYear: 11.4, expansion: 3 } } : {}),
      spool: {
        usedBytes: member && this.online >= 6 ? 0 : 48_000_000,
        limitBytes: 10_000_000_000,
        reason: member && this.online < 6 ? `${this.online} other devices are online, and 6 are needed.` : "",
      },
      held: { usedBytes: 16_300_000_000, quotaBytes: 100_000_000_000, fragments: 20_481 },
      clock: { state: Math.abs(clockOffsetMs) > 60_000 ? "wrong" : "good", offsetMs: clockOffsetMs },
      centralReachable: true,
      waitingChanges: this.changesWait,
    };
  }

  security(): SecurityView {
    const now = Date.now();
    const member = this.networkState === "member";
    const { replaced, mayBeStale, ...more } = this.options.security ?? {};
    return {
      unlocked: !this.locked,
      slots: {
        epoch: this.epoch,
        password: { memoryKiB: 262_144, passes: 1, changedAtMs: now - 12 * day },
        phrase: {
          state: this.phraseConfirmed ? "confirmed" : "unconfirmed",
          number: this.phraseNumber,
          madeAtMs: now - 40 * day,
          copies: member ? names.length : 0,
          atCentral: member,
        },
        rekey: this.rekey,
      },
      reencryption:
        this.reencryption === "none"
          ? { state: "none", versions: 0, bytes: 0 }
          : { state: this.reencryption, versions: 1204, bytes: 18_300_000_000 },
      tpm: {
        manufacturer: "IFX",
        firmware: "7.85",
        lockout: false,
        identity: {
          endorsementKey: Array.from({ length: 32 }, (_, at) => (at * 6 + 3).toString(16).padStart(2, "0")).join(""),
          certificates: ["rsa-2048", "ecc-p256"],
        },
        simulated: false,
      },
      volume: { backend: "gocryptfs", encrypted: true },
      backup: {
        state: member ? "ready" : "none",
        sequence: 1284,
        witnessedSequence: member ? 1284 : 0,
        ageMs: member ? 3 * minute : null,
        checkpointSequence: 1200,
        waitingChanges: false,
        quorum: member ? 6 : 0,
        witnesses: member
          ? names.map((name, index) => ({
              account: account(index),
              name,
              online: index < this.online,
              sequence: index < this.online ? 1284 : 1284 - 57,
            }))
          : [],
      },
      insecure: [...(this.options.insecure ?? [])],
      askAtBoot: this.askAtBoot,
      ...(this.replaced && replaced !== undefined ? { replaced } : {}),
      ...(this.stale && mayBeStale !== undefined ? { mayBeStale } : {}),
      ...more,
    };
  }

  sheet(): RecoverySheet {
    const member = this.networkState === "member";
    const centralUrl = "https://central.example";
    const members = member
      ? names.slice(0, 3).map((name, index) => ({
          name,
          addresses: [`/ip4/192.0.2.${index + 11}/tcp/4001`, `/dns4/${name.toLowerCase()}.example/tcp/4001`],
          keyHash: account(index + 0x10).replaceAll("0", String(index + 1)),
        }))
      : [];
    const networkId = member ? account(0xabc) : "";
    return {
      ownerName: this.ownerName,
      networkName: member ? "Lindenstrasse" : "",
      networkId,
      centralUrl,
      authorityFingerprint: Array.from({ length: 32 }, (_, at) =>
        (at * 8 + 7).toString(16).toUpperCase().padStart(2, "0"),
      ).join(":"),
      members,
      text: [
        "piccolo-sheet-1",
        networkId,
        centralUrl,
        ...members.map(({ keyHash, addresses }) => `${keyHash}@${addresses.join(",")}`),
      ].join(" "),
      madeAtMs: Date.now(),
    };
  }

  placement(file: FakeNode): Placement {
    const sizeBytes = file.node.sizeBytes ?? 0;
    const pending = file.node.placement === "pending";
    const held = pending ? [] : names;
    const segments = Math.ceil(sizeBytes / 8_388_608);
    const away = Math.max(0, 9 - this.online);
    return {
      versionId: file.node.versionId ?? "",
      sizeBytes,
      k: 3,
      n: 9,
      survives: pending ? 0 : 6,
      expansion: 3,
      ninesPerYear: 11.4,
      pendingBytes: pending ? sizeBytes : 0,
      segments,
      holders: held.map((name, index) => ({
        account: account(index),
        name,
        online: index < this.online,
        fragments: segments,
        bytes: Math.ceil(sizeBytes / 3),
      })),
      missingNow: pending ? 0 : Math.max(0, away - 6),
      readableNow: pending || away <= 6,
    };
  }

  addFolder(parent: string, name: string, ageMs = 0): Node {
    const at = Date.now() - ageMs;
    const node: Node = { id: this.id(), kind: "folder", name, parent, createdAtMs: at, modifiedAtMs: at };
    this.nodes.set(node.id, { node, versions: [] });
    return node;
  }

  addFile(parent: string, name: string, bytes: Uint8Array | number, mediaType: string, ageMs = 0): Node {
    const at = Date.now() - ageMs;
    const id = this.id();
    const sizeBytes = typeof bytes === "number" ? bytes : bytes.length;
    const node: Node = {
      id,
      kind: "file",
      name,
      parent,
      createdAtMs: at,
      modifiedAtMs: at,
      sizeBytes,
      mediaType,
      versionId: `v-${id}-1`,
      versions: 1,
      placement: this.#filling || (this.networkState === "member" && this.online >= 6) ? "durable" : "pending",
    };
    this.nodes.set(id, {
      node,
      versions: [
        {
          version: { versionId: `v-${id}-1`, sizeBytes, modifiedAtMs: at, uploadedAtMs: at, current: true },
          bytes: typeof bytes === "number" ? new Uint8Array(0) : bytes,
        },
      ],
    });
    return node;
  }

  addVersion(id: string, bytes: Uint8Array): void {
    const file = this.nodes.get(id);
    if (file === undefined) return;
    const at = Date.now();
    const versionId = `v-${id}-${file.versions.length + 1}`;
    const purgeAtMs = at + 30 * day;
    file.versions = [
      {
        version: { versionId, sizeBytes: bytes.length, modifiedAtMs: at, uploadedAtMs: at, current: true },
        bytes,
      },
      ...file.versions.map(({ version, bytes }) => ({ version: { purgeAtMs, ...version, current: false }, bytes })),
    ];
    file.node = {
      ...file.node,
      sizeBytes: bytes.length,
      modifiedAtMs: at,
      versionId,
      versions: file.versions.length,
    };
  }

  childNamed(parent: string, name: string): FakeNode | undefined {
    return [...this.nodes.values()].find(
      ({ node }) => node.parent === parent && node.name.toLowerCase() === name.toLowerCase(),
    );
  }

  path(id: string): { id: string; name: string }[] {
    if (id === "root") return [{ id: "root", name: "Files" }];
    const node = this.nodes.get(id)?.node;
    return node === undefined ? [] : [...this.path(node.parent), { id: node.id, name: node.name }];
  }

  moveToTrash(id: string): boolean {
    const file = this.nodes.get(id);
    if (file === undefined) return false;
    const from = `/${this.path(file.node.parent)
      .slice(1)
      .map(({ name }) => name)
      .join("/")}`;
    const now = Date.now();
    this.nodes.delete(id);
    this.trash.set(id, { ...file, node: { ...file.node, trashedAtMs: now, purgeAtMs: now + 30 * day, from } });
    return true;
  }

  fill(): void {
    this.#filling = true;
    const photos = this.addFolder("root", "Photos", 40 * day);
    this.addFolder("root", "Taxes", 200 * day);
    this.addFolder("root", "Recipes", 3 * day);
    const holiday = this.addFolder(photos.id, "Summer in Brittany", 30 * day);
    this.addFile(holiday.id, "Lighthouse.png", picture(), "image/png", 12 * day);
    this.addFile("root", "Lease agreement.pdf", 2_412_000, "application/pdf", 92 * day);
    this.addFile("root", "Wedding film, director's cut.mp4", 8_340_000_000, "video/mp4", 9 * day);
    this.addFile("root", "Voice memo for Grandma.m4a", 3_120_000, "audio/mp4", 2 * day);
    const lighthouse = this.addFile("root", "Lighthouse at dusk.png", picture(), "image/png", 12 * day);
    this.addVersion(lighthouse.id, picture());
    this.addFile("root", "Household budget 2026.xlsx", 48_300, "application/vnd.ms-excel", 3 * minute);
    this.addFile("root", "Backup of the old laptop.tar.gz", 61_200_000_000, "application/gzip", 400 * day);
    this.addFile("root", "Notes.txt", new TextEncoder().encode("Milk, bread, a new bulb.\n"), "text/plain", 20_000);
    const pending = this.addFile("root", "Scan of passport.pdf", 1_240_000, "application/pdf", 90_000);
    const file = this.nodes.get(pending.id);
    if (file !== undefined) file.node = { ...file.node, placement: "pending" };
    const old = this.addFile(
      "root",
      "Draft of a letter.odt",
      12_000,
      "application/vnd.oasis.opendocument.text",
      5 * day,
    );
    this.moveToTrash(old.id);
    this.moveToTrash(this.addFolder(photos.id, "Blurred ones", 5 * day).id);
    const now = Date.now();
    this.invitations = [
      {
        id: "i1",
        state: "open",
        mine: true,
        createdBy: this.ownerName,
        expiresAtMs: now + 5 * day,
        token: `piccolo-invite-${"k7Q2x9".repeat(20)}`,
      },
      { id: "i2", state: "needs-cosigner", mine: false, createdBy: "Esra", expiresAtMs: now + 6 * day },
      { id: "i3", state: "used", mine: true, createdBy: this.ownerName, expiresAtMs: now - day },
    ];
    for (let index = 1; index <= 130; index += 1)
      this.addFile(photos.id, `IMG_${String(2000 + index)}.jpg`, 3_000_000 + index * 7_001, "image/jpeg", index * day);
    this.#filling = false;
  }
}

/** An evening sky over the sea, so that a preview has something to show. */
function picture(): Uint8Array {
  const width = 480;
  const height = 320;
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) {
      const sea = y > 220;
      const sun = Math.hypot(x - 330, y - 205) < 34 && !sea;
      const dusk = sea ? 0.25 + (y - 220) / 400 : y / 260;
      const colour = sun
        ? [255, 214, 150]
        : sea
          ? [38 + dusk * 30, 66 + dusk * 20, 104 - dusk * 20]
          : [70 + dusk * 165, 84 + dusk * 70, 130 - dusk * 20];
      colour.forEach((value, channel) =>
        rows.writeUInt8(Math.min(255, Math.round(value)), y * (1 + width * 3) + 1 + x * 3 + channel),
      );
    }
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const framed = Buffer.alloc(body.length + 8);
    framed.writeUInt32BE(data.length, 0);
    body.copy(framed, 4);
    framed.writeUInt32BE(crc32(body), body.length + 4);
    return framed;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return new Uint8Array(
    Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk("IHDR", head),
      chunk("IDAT", deflateSync(rows)),
      chunk("IEND", Buffer.alloc(0)),
    ]),
  );
}
