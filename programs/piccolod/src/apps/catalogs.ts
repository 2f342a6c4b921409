/** The catalogs of a device: which apps they offer, and what stands in the way of each here. */
import { hash } from "node:crypto";
import {
  type AppManifest,
  type Catalog,
  type CatalogApp,
  catalogId,
  imageName,
  openCatalog,
  searchApps,
  type SignedCatalog,
} from "@piccolo/app-manifest";
import type { CatalogEntry, CatalogView } from "@piccolo/device-api";
import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import { catalogSourceFaults } from "./catalog-faults.ts";
import type { CatalogStore } from "./catalog-store.ts";
import type { Generation } from "./plan-types.ts";
import { describeApp } from "./views.ts";

/** Where a catalog is read from; its key is what the release, or the owner, said it is. */
export interface CatalogSource {
  readonly name: string;
  readonly read: () => { readonly signed: SignedCatalog; readonly publicKey: Uint8Array };
}

export interface DeviceFacts {
  readonly architecture: "amd64" | "arm64";
  /** `major.minor.patch` */
  readonly osVersion: string;
  /** Whether an image lies on the device already. */
  readonly hasImage: (digest: string) => boolean;
}

/** A shorter name for people and addresses: the first half of a quarter of the id is unlike any other in practice. */
const shownIdLength = 16;

/** What `--key` of tools/write-catalog.ts is without a file: it follows from a public text, and anybody can sign with it. */
const developmentKeys: ReadonlySet<string> = new Set([
  "5d6d49db6a1fb8a70ad7fb065f2e747c377fc1b383e5fc7c4157409eb13b2b72",
]);

const addedMax = 8;
const fetchMs = 30_000;
const renewMs = 12 * 3_600_000;

export interface CatalogsOptions {
  readonly sources: readonly CatalogSource[];
  readonly store: CatalogStore;
  readonly facts: DeviceFacts;
  readonly fetch: (address: string, timeoutMs: number) => Promise<SignedCatalog>;
  readonly log: Log;
  readonly world: Pick<World, "nowMs" | "sleep">;
}

interface Shelf {
  readonly catalog: Catalog;
  /** Undefined of one that came with the system. */
  readonly address: string | undefined;
  /** Signed by a key that anybody has. */
  readonly isDevelopment: boolean;
}

export class Catalogs {
  readonly #options: CatalogsOptions;
  readonly #builtIn: readonly Shelf[];
  readonly #added = new Map<string, Shelf>();
  readonly #facts: DeviceFacts;
  readonly #nowMs: () => number;

  constructor(options: CatalogsOptions) {
    this.#options = options;
    const { sources, store, log, facts, world } = options;
    this.#facts = facts;
    this.#nowMs = () => world.nowMs();
    const opened = <T>(name: string, open: () => T): readonly T[] => {
      try {
        return [open()];
      } catch (error) {
        // One that cannot be read must not take the others, or the device, with it.
        log.error("catalog-refused", { catalog: name, ...errorFacts(error) });
        return [];
      }
    };
    this.#builtIn = sources.flatMap(({ name, read }) =>
      opened(name, () => {
        const { signed, publicKey } = read();
        return this.#open(signed, publicKey, undefined);
      }),
    );
    for (const { id, address, publicKey, index, signature } of store.all()) {
      for (const shelf of opened(id, () => this.#open({ index, signature }, publicKey, address))) {
        this.#added.set(id, shelf);
      }
    }
  }

  /** Of a publisher's key nothing older than the newest that was ever seen, and not two of one number. */
  #open(signed: SignedCatalog, publicKey: Uint8Array, address: string | undefined): Shelf {
    const { store } = this.#options;
    const id = catalogId(publicKey);
    const seen = store.seen(id);
    const catalog = openCatalog(signed, publicKey, seen?.sequence);
    const digest = hash("sha256", signed.index, "hex");
    const isDevelopment = developmentKeys.has(toHex(publicKey));
    // Whoever works on a catalog signs the same number again and again.
    if (seen?.sequence === catalog.sequence && seen.digest !== digest && !isDevelopment) {
      throw catalogSourceFaults.fault("catalog-forked", `there are two catalogs ${catalog.sequence} of one publisher`);
    }
    store.see(id, { sequence: catalog.sequence, digest });
    return { catalog, address, isDevelopment };
  }

  get #shelves(): readonly Shelf[] {
    return [...this.#builtIn, ...this.#added.values()];
  }

  get #catalogs(): readonly Catalog[] {
    return this.#shelves.map(({ catalog }) => catalog);
  }

  #byShownId(shown: string): Shelf {
    const found = this.#shelves.find(({ catalog }) => catalog.id.slice(0, shownIdLength) === shown);
    if (found === undefined) throw catalogSourceFaults.fault("catalog-not-found", "this device has no such catalog");
    return found;
  }

  /**
   * Fetches it, and has it from then on; gives its id. `publicKey` is what the owner was told: what is signed by another one
   * is refused. Throws `catalogSourceFaults`, `catalogFaults`.
   */
  async add(address: string, publicKey: Uint8Array): Promise<string> {
    const id = catalogId(publicKey);
    if (this.#catalogs.some((one) => one.id === id)) {
      throw catalogSourceFaults.fault("catalog-known", "this device has the catalog already");
    }
    if (this.#added.size >= addedMax) {
      throw catalogSourceFaults.fault("too-many-catalogs", `a device has ${addedMax} catalogs beside its own at most`);
    }
    await this.#fetch(id, address, publicKey);
    return id.slice(0, shownIdLength);
  }

  async #fetch(id: string, address: string, publicKey: Uint8Array): Promise<void> {
    const { fetch, store } = this.#options;
    const signed = await fetch(address, fetchMs);
    const shelf = this.#open(signed, publicKey, address);
    store.put({ id, address, publicKey, ...signed, fetchedAtMs: this.#nowMs() });
    this.#added.set(id, shelf);
  }

  /** Throws `catalog-not-found`, `catalog-built-in`, and what `add` does; what was there stays then. */
  async renew(shown: string): Promise<void> {
    const { catalog, address } = this.#byShownId(shown);
    const kept = this.#options.store.all().find(({ id }) => id === catalog.id);
    if (address === undefined || kept === undefined) {
      throw catalogSourceFaults.fault("catalog-built-in", "the catalog came with the system, and is renewed with it");
    }
    await this.#fetch(catalog.id, address, kept.publicKey);
  }

  /** What was installed from it stays, and hears of no newer versions. Throws `catalog-not-found`, `catalog-built-in`. */
  remove(shown: string): void {
    const { catalog, address } = this.#byShownId(shown);
    if (address === undefined) {
      throw catalogSourceFaults.fault("catalog-built-in", "the catalog came with the system, and goes with it");
    }
    this.#options.store.delete(catalog.id);
    this.#added.delete(catalog.id);
  }

  /** Until the signal: looks for newer ones now and then. One that cannot be had stays as it is. */
  async run(signal: AbortSignal): Promise<void> {
    const { world, log } = this.#options;
    while (!signal.aborted) {
      await world.sleep(renewMs, signal).catch(() => undefined);
      for (const id of signal.aborted ? [] : [...this.#added.keys()]) {
        try {
          await this.renew(id.slice(0, shownIdLength));
        } catch (error) {
          if (!isFault(error)) throw error;
          log.warn("catalog-not-renewed", { catalog: id, ...errorFacts(error) });
        }
      }
    }
  }

  /** Throws `catalog-app-not-found`, and why it cannot be installed here. */
  installable(catalog: string, app: string): { readonly manifest: AppManifest; readonly catalog: string } {
    const found = this.#find(catalog, app);
    const blocked = this.#blocked(found);
    if (blocked === undefined) return { manifest: found.manifest, catalog: this.#byShownId(catalog).catalog.id };
    throw catalogSourceFaults.fault(blocked.reason, blocked.detail);
  }

  /** Throws why a manifest, whoever vouches for it, does not fit this device: `wrong-architecture`, `needs-newer-os`. */
  requireSuited(manifest: AppManifest): void {
    const unsuited = this.unsuited(manifest);
    if (unsuited !== undefined) throw catalogSourceFaults.fault(unsuited.reason, unsuited.detail);
  }

  /** What a catalog says its images weigh on their way here, as far as that is known; nothing of a manifest the owner gave. */
  imageBytes({ manifest, catalog: from }: Pick<Generation, "manifest" | "catalog">): number {
    const found = this.#catalogs.find(({ id }) => id === from)?.apps.find((one) => one.manifest.id === manifest.id);
    const names = new Set(manifest.services.map(({ image }) => imageName(image)));
    return [...names].reduce((sum, name) => sum + (found?.images.get(name)?.sizeBytes ?? 0), 0);
  }

  /** With whatever stands in its way; throws `catalog-app-not-found`. */
  entry(catalog: string, app: string): { readonly app: CatalogApp; readonly blocked: Blocked | undefined } {
    const found = this.#find(catalog, app);
    return { app: found, blocked: this.#blocked(found) };
  }

  /**
   * What an installed app could become: another form of it in the catalog it came from, where that can be installed. Other
   * catalogs may have an app of that name, too; whom the owner trusted with this one is not asked again.
   */
  newer({ manifest, catalog: from }: Pick<Generation, "manifest" | "catalog">): AppManifest | undefined {
    const found = this.#catalogs.find(({ id }) => id === from)?.apps.find((one) => one.manifest.id === manifest.id);
    if (found === undefined || this.#blocked(found) !== undefined) return undefined;
    return JSON.stringify(found.manifest) === JSON.stringify(manifest) ? undefined : found.manifest;
  }

  iconOf(app: string): string | undefined {
    for (const { apps } of this.#catalogs) {
      const icon = apps.find(({ manifest }) => manifest.id === app)?.icon;
      if (icon !== undefined) return iconAddress(icon);
    }
    return undefined;
  }

  view(
    query: { readonly words: string; readonly category: string | undefined; readonly language: string },
    installed: ReadonlySet<string>,
  ): CatalogView {
    const nowMs = this.#nowMs();
    const all = this.#catalogs.flatMap(({ id, apps }) => apps.map((app) => ({ ...app, catalog: id })));
    const has = new Set(all.flatMap(({ manifest }) => manifest.categories));
    return {
      catalogs: this.#shelves.map(
        ({ catalog: { id, title, sequence, issuedAtMs, expiresAtMs }, address, isDevelopment }) => ({
          id: id.slice(0, shownIdLength),
          title: { ...title },
          builtIn: address === undefined,
          ...(address === undefined ? {} : { address }),
          development: isDevelopment,
          sequence,
          issuedAtMs,
          expiresAtMs,
          stale: nowMs > expiresAtMs,
        }),
      ),
      categories: [...has].toSorted(),
      entries: searchApps(all, query).map((app) => this.#entryView(app.catalog, app, installed)),
    };
  }

  #entryView(catalog: string, app: CatalogApp, installed: ReadonlySet<string>): CatalogEntry {
    const { manifest, icon, images } = app;
    const here = installed.has(manifest.id)
      ? ({ reason: "already-installed", detail: "It is installed." } as const)
      : undefined;
    const blocked = here ?? this.#blocked(app);
    const sizes = [...images.values()].map(({ sizeBytes }) => sizeBytes);
    const offline = this.#isOffline(manifest);
    const downloadBytes = sizes.reduce<number | undefined>(
      (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
      0,
    );
    return {
      catalog: catalog.slice(0, shownIdLength),
      app: { ...describeApp(manifest), ...(icon === undefined ? {} : { icon: iconAddress(icon) }) },
      ...(blocked === undefined ? {} : { blocked }),
      ...(offline ? { downloadBytes: 0 } : downloadBytes === undefined ? {} : { downloadBytes }),
      offline,
    };
  }

  #isOffline(manifest: AppManifest): boolean {
    return manifest.services.every(({ image }) => this.#facts.hasImage(image.digest));
  }

  #find(catalog: string, app: string): CatalogApp {
    const found = this.#catalogs
      .find(({ id }) => id.slice(0, shownIdLength) === catalog)
      ?.apps.find(({ manifest }) => manifest.id === app);
    if (found === undefined)
      throw catalogSourceFaults.fault("catalog-app-not-found", "no catalog of this device has that app");
    return found;
  }

  #blocked({ manifest, images }: CatalogApp): Blocked | undefined {
    const unsuited = this.unsuited(manifest);
    if (unsuited !== undefined) return unsuited;
    const isVerified = manifest.services.every(({ image }) => images.get(imageName(image))?.verified === true);
    return isVerified ? undefined : { reason: "digest-unverified", detail: unverifiedDetail };
  }

  /** Why a manifest does not fit this device, whoever vouches for it. */
  unsuited(manifest: AppManifest): Blocked | undefined {
    const { architecture, osVersion } = this.#facts;
    if (!manifest.architectures.includes(architecture)) {
      return { reason: "wrong-architecture", detail: `It has no image for ${architecture}, this device's processor.` };
    }
    if (isBefore(osVersion, manifest.minimumOs)) {
      return { reason: "needs-newer-os", detail: `It needs release ${manifest.minimumOs}; this is ${osVersion}.` };
    }
    return undefined;
  }
}

export interface Blocked {
  readonly reason: "digest-unverified" | "wrong-architecture" | "needs-newer-os";
  readonly detail: string;
}

const unverifiedDetail = "Nobody has verified its images yet, so it is shown but not offered.";

function isBefore(version: string, wanted: string): boolean {
  // What follows the digits of a part (`1.2-rc1`) tells of no order.
  const numbersOf = (text: string): number[] => text.split(".").map((part) => Number(/^\d{1,9}/.exec(part)?.[0] ?? 0));
  const [a, b] = [version, wanted].map(numbersOf);
  for (let at = 0; at < 3; at += 1) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function iconAddress(icon: string): string {
  return `data:image/svg+xml;base64,${Buffer.from(icon).toString("base64")}`;
}
