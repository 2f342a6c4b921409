/** Images, keys and firmware for the scenarios, made when the first scenario asks for them and kept for the next run. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import {
  addToRoot,
  buildBootFiles,
  buildImage,
  buildInstaller,
  type Commit,
  deviceLayout,
  execute,
  exportCommit,
  type FormerKeys,
  type ImageOptions,
  keyOf,
  makeKeySet,
  openWorkshop,
  pathsOf,
  placeOf,
  predictionPath,
  readKeyFingerprints,
  readSourceEpoch,
  readVersion,
  type ReleaseImage,
  ukiPath,
  type Workshop,
  writeEsp,
} from "@piccolo/release";
import { provideSnapshot, type Snapshot, type SnapshotName } from "./snapshots.ts";
import { repositoryRoot } from "../../tools/run-tests.ts";

/** Laid over the product's tree where a fault has to be planted or the inside be seen. */
export type OverlayName = "probe" | "dies" | "hangs" | "deaf" | "stops" | "measure" | "fills" | "watch";

const owner = "11111111-2222-3333-4444-555555555555";

/** Machines reach it on this machine's loopback, where a scenario that needs it starts a central. */
export const centralPort = 18_700;

/** What every image is made of, tests and their support left out. */
export const imageSources: readonly string[] = [
  "os",
  "packages",
  "catalog",
  ...["piccolod", "portal", "release"].map((program) => `programs/${program}`),
  "package-lock.json",
  "tools/build.ts",
];

export type FirmwareName = "enforcing" | "secure-boot-off" | "setup-mode";

/** What is not as usual with a release: other keys than the laboratory's, what it shuts out, which releases lie beside it. */
export interface Signing {
  readonly keys?: string;
  readonly former?: FormerKeys;
  readonly enrolled?: readonly string[];
  /** The oldest release that may still open what is sealed (1). */
  readonly minimum?: number;
  readonly beside?: readonly Commit[];
}

export class Laboratory {
  readonly shop: Workshop;
  readonly folder: string;
  readonly keys: string;
  readonly #images = new Map<string, Promise<ReleaseImage>>();
  readonly #firmware = new Map<FirmwareName, Promise<string>>();
  readonly #snapshots = new Map<string, Promise<Snapshot>>();
  #installer: Promise<string> | undefined;
  #built: Promise<unknown> = Promise.resolve();

  private constructor(shop: Workshop) {
    this.shop = shop;
    this.folder = shop.folder;
    this.keys = join(shop.folder, "keys");
  }

  static async open(say: (line: string) => void): Promise<Laboratory> {
    const laboratory = new Laboratory(await openWorkshop({ epochS: await readSourceEpoch(), say }));
    await laboratory.keySet("keys");
    return laboratory;
  }

  /** What builds with the workshop has its folders and its repository to itself. */
  async alone<T>(build: () => Promise<T>): Promise<T> {
    const turn = this.#built.then(build);
    this.#built = turn.catch(() => undefined);
    return turn;
  }

  /** Folder of a set of throw-away keys, which may be made to replace another. */
  async keySet(name: string, replaced?: string): Promise<string> {
    const folder = join(this.folder, name);
    return this.alone(async () => {
      if (!existsSync(folder)) await makeKeySet(folder, undefined, replaced);
      return folder;
    });
  }

  /** What a release is built from. */
  options(
    number: number,
    overlay: OverlayName | undefined,
    { keys = this.keys, former, enrolled = [], minimum = 1 }: Signing = {},
  ): ImageOptions {
    const central = `http://10.0.2.2:${centralPort}`;
    const release = { version: readVersion(), number, minimum, central, keys: readKeyFingerprints(keys) };
    const signed = { release, keys, enrolled, ...(former === undefined ? {} : { former }) };
    if (overlay === undefined) return signed;
    return { ...signed, overlay: { name: overlay, folder: this.#overlayFolder(overlay) } };
  }

  #overlayFolder(overlay: OverlayName): string {
    return join(import.meta.dirname, "overlays", overlay);
  }

  /** The product's image, or one with an overlay. */
  image(overlay?: OverlayName): Promise<ReleaseImage> {
    const name = overlay ?? "product";
    const made = this.#images.get(name) ?? this.alone(() => this.#provideImage(name, overlay));
    this.#images.set(name, made);
    return made;
  }

  /** Names all that goes into an image, `product` or that of an overlay. */
  sourceKey(name: string): string {
    const own = name === "product" ? [] : [relative(repositoryRoot, this.#overlayFolder(name as OverlayName))];
    const keys = readFileSync(join(this.keys, "fingerprints.json"), "utf8");
    return keyOf(
      repositoryRoot,
      [...imageSources, ...own],
      [basename(this.shop.packagesRoot), this.shop.epochS, keys, name],
    );
  }

  async #provideImage(name: string, overlay: OverlayName | undefined): Promise<ReleaseImage> {
    const key = this.sourceKey(name);
    const images = join(this.folder, "images");
    const folder = join(images, `${name}-${key}`);
    const facts = join(folder, "image.json");
    if (existsSync(facts)) return JSON.parse(readFileSync(facts, "utf8")) as ReleaseImage;
    mkdirSync(images, { recursive: true });
    // What older sources gave is of no use any more, and large.
    for (const old of readdirSync(images)) {
      if (old.startsWith(`${name}-`)) rmSync(join(images, old), { recursive: true });
    }
    const image = await buildImage(this.shop, this.options(1, overlay), folder);
    writeFileSync(facts, JSON.stringify(image));
    return image;
  }

  /** A machine of the image that is up already. */
  snapshot(name: SnapshotName, overlay?: OverlayName): Promise<Snapshot> {
    const of = `${name} ${overlay ?? ""}`;
    const made = this.#snapshots.get(of) ?? provideSnapshot(this, name, overlay);
    this.#snapshots.set(of, made);
    return made;
  }

  /** A stick with the installer's disk image, as a file that may be written to. */
  async installer(stick: string): Promise<string> {
    this.#installer ??= this.image().then((image) =>
      this.alone(() =>
        buildInstaller(this.shop, this.options(1, undefined), image, join(this.folder, "images", "installer")),
      ),
    );
    await execute("cp", ["--sparse=always", "--reflink=auto", await this.#installer, stick]);
    return stick;
  }

  /** A copy of an image's disk, to be changed. */
  async copyDisk(image: ReleaseImage, name: string): Promise<string> {
    const folder = join(this.folder, "disks");
    mkdirSync(folder, { recursive: true });
    const disk = join(folder, `${name}.img`);
    rmSync(disk, { force: true });
    await execute("cp", ["--sparse=always", "--reflink=auto", image.disk, disk]);
    return disk;
  }

  /** Puts another release onto a disk beside the one that is there: its contents, and its boot image, with tries or found good. */
  addRelease(
    disk: string,
    present: ReleaseImage,
    number: number,
    overlay: OverlayName,
    tries: number | undefined,
    signing: Signing = {},
  ): Promise<Commit> {
    return this.alone(() => this.#addRelease(disk, present, number, overlay, tries, signing));
  }

  async #addRelease(
    disk: string,
    present: ReleaseImage,
    number: number,
    overlay: OverlayName,
    tries: number | undefined,
    signing: Signing,
  ): Promise<Commit> {
    const { shop } = this;
    const folder = join(this.folder, "images", `${overlay}-release-${number}`);
    rmSync(folder, { recursive: true, force: true });
    const boot = await buildBootFiles(shop, this.options(number, overlay, signing), folder);
    const known = join(folder, "known");
    const repository = join(folder, "repository");
    await exportCommit(shop, present.commit, 1, known);
    await exportCommit(shop, boot.commit, number, repository);
    const place = placeOf(disk, deviceLayout, "piccolo-root");
    const parts = { place, repository, scratch: join(folder, "scratch"), epochS: shop.epochS, uuid: owner };
    const others = (signing.beside ?? []).map((commit, at) => ({ commit, folder: join(folder, `known-${at}`) }));
    for (const each of others) await exportCommit(shop, each.commit, 1, each.folder);
    const there = new Set([known, ...others.map((each) => each.folder)].flatMap((path) => [...pathsOf(path)]));
    await addToRoot({ ...parts, known: there }, shop.tools);
    const files = [
      { source: boot.uki, path: ukiPath(number, tries) },
      { source: boot.prediction, path: predictionPath(number) },
    ];
    await writeEsp(placeOf(disk, deviceLayout, "piccolo-esp"), files, shop.epochS, shop.tools);
    rmSync(folder, { recursive: true });
    return boot.commit;
  }

  /** Firmware variables, to be copied for each machine. */
  firmware(name: FirmwareName): Promise<string> {
    const made = this.#firmware.get(name) ?? this.alone(() => this.#provideFirmware(name));
    this.#firmware.set(name, made);
    return made;
  }

  async #provideFirmware(name: FirmwareName): Promise<string> {
    const path = join(this.folder, `firmware-${name}.fd`);
    const empty = join(this.shop.tools.root, "usr/share/OVMF/OVMF_VARS_4M.fd");
    if (name === "setup-mode") {
      copyFileSync(empty, path);
      return path;
    }
    const certificate = (role: string): string => join(this.keys, "secureboot", `${role}.crt`);
    const enrol = [
      "--set-pk",
      owner,
      certificate("PK"),
      "--add-kek",
      owner,
      certificate("KEK"),
      "--add-db",
      owner,
      certificate("db"),
    ];
    const args = [
      "-i",
      "/usr/share/OVMF/OVMF_VARS_4M.fd",
      "-o",
      path,
      ...enrol,
      // As its owner, or somebody else, switches it off in the set-up: the keys stay.
      ...(name === "enforcing" ? ["--sb"] : ["--set-false", "SecureBootEnable"]),
    ];
    await this.shop.tools.run("virt-fw-vars", args);
    return path;
  }
}
