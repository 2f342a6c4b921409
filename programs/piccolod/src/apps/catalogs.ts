/** The catalogs of a device: which apps they offer, and what stands in the way of each here. */
import { hash } from "node:crypto";
import {
  type AppManifest,
  type Catalog,
  type CatalogApp,
  catalogFaults,
  catalogId,
  imageName,
  type LocalizedText,
  openCatalog,
  searchApps,
  type SignedCatalog,
} from "@piccolo/app-manifest";
import type { CatalogEntry, CatalogState, CatalogView } from "@piccolo/device-api";
import { toHex } from "@piccolo/bytes";
import type { Fault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../adapters/log.ts";
import { isOperatingFailure } from "../operating-failure.ts";
import { type ImageNeeds, imageNeeds } from "./admission.ts";
import { catalogSourceFaults } from "./catalog-faults.ts";
import type { AddedCatalog, CatalogStore, FailedLook, ListedCatalog, SeenCatalog } from "./catalog-store.ts";
import type { Generation } from "./plan-types.ts";
import { describeApp } from "./views.ts";

/** Where a catalog is read from; its key is what the release, or the owner, said it is. */
export interface CatalogSource {
  readonly name: string;
  readonly read: () => SourceContent;
}

export interface SourceContent {
  readonly signed: SignedCatalog;
  readonly publicKey: Uint8Array;
  /** Keys that catalogs of earlier releases were signed with, as this release says: what was installed from them is from this one. */
  readonly formerKeys?: readonly Uint8Array[];
}

export interface DeviceFacts {
  readonly architecture: "amd64" | "arm64";
  /** `major.minor.patch` */
  readonly osVersion: string;
  /** Whether an image lies on the device already. */
  readonly hasImage: (digest: string) => boolean;
}

/** A shorter name for people and addresses: the first half of a quarter of the id is unlike any other in practice. */
export const shownId = (id: string): string => id.slice(0, 16);

/** What `--key` of tools/write-catalog.ts is without a file: it follows from a public text, and anybody can sign with it. */
const developmentKeys: ReadonlySet<string> = new Set([
  "5d6d49db6a1fb8a70ad7fb065f2e747c377fc1b383e5fc7c4157409eb13b2b72",
]);

const addedMax = 8;
const fetchMs = 30_000;
const renewMs = 12 * 3_600_000;
/** One that was never fetched is tried again so soon, and sooner where something has changed, though not at each change. */
const missingMs = 5 * 60_000;
const leastPauseMs = 10_000;

export interface CatalogsOptions {
  readonly sources: readonly CatalogSource[];
  readonly store: CatalogStore;
  readonly facts: DeviceFacts;
  /** Ended by the signal, too. */
  readonly fetch: (address: string, timeoutMs: number, signal?: AbortSignal) => Promise<SignedCatalog>;
  /** Whether the owner database may be changed, and has the newest list. */
  readonly mayWork: () => boolean;
  readonly log: Log;
  readonly world: Pick<World, "nowMs" | "monotonicMs" | "sleep">;
}

interface Shelf {
  readonly catalog: Catalog;
  readonly publicKey: Uint8Array;
  /** Undefined of one that came with the system. */
  readonly added: { readonly address: string; readonly fetchedAtMs: number } | undefined;
  /** Signed by a key that anybody has. */
  readonly isDevelopment: boolean;
  /** Full ids of those it followed. */
  readonly formerly: ReadonlySet<string>;
}

/** An app that is installed, or could be, with the full id of the catalog it is from; undefined where the owner gave it. */
type Origin = Pick<Generation, "manifest"> & { readonly catalog?: string | undefined };

/** One that should be there and could not be opened. */
interface RefusedSource {
  readonly name: string;
  readonly look: FailedLook;
}

export class Catalogs {
  readonly #options: CatalogsOptions;
  readonly #builtIn: readonly Shelf[];
  readonly #added = new Map<string, Shelf>();
  readonly #refusedSources: RefusedSource[] = [];
  /** Tries for those that this device never had. */
  readonly #missed = new Map<string, FailedLook & { readonly triedMs: number }>();
  #wake = new AbortController();
  readonly #facts: DeviceFacts;
  readonly #nowMs: () => number;

  constructor(options: CatalogsOptions) {
    this.#options = options;
    const { sources, store, facts, world } = options;
    this.#facts = facts;
    this.#nowMs = () => world.nowMs();
    this.#builtIn = sources.flatMap(({ name, read }) => {
      try {
        const { signed, publicKey, formerKeys = [] } = read();
        return [{ ...this.#open(signed, publicKey, undefined).shelf, formerly: new Set(formerKeys.map(catalogId)) }];
      } catch (error) {
        this.#refusedSources.push({ name, look: this.#refused(name, error) });
        return [];
      }
    });
    for (const { id, address, publicKey, index, signature, fetchedAtMs } of store.all()) {
      try {
        this.#added.set(id, this.#open({ index, signature }, publicKey, { address, fetchedAtMs }).shelf);
      } catch (error) {
        // Why the last look for a newer one failed is of no use beside that.
        this.#noteFailed(id, this.#refused(id, error));
      }
    }
  }

  /** One that cannot be read must not take the others, or the device, with it. */
  #refused(name: string, error: unknown): FailedLook {
    this.#options.log.error("catalog-refused", { catalog: name, ...errorFacts(error) });
    return { code: isCatalogFault(error) ? error.code : unreadable, atMs: this.#nowMs() };
  }

  /** A disk that does not take it hides nothing of why the look failed. */
  #noteFailed(id: string, look: FailedLook): void {
    const { store, log } = this.#options;
    try {
      store.putFailed(id, look);
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
      log.warn("catalog-look-not-noted", { catalog: id, ...errorFacts(error) });
    }
  }

  /**
   * Of a publisher's key nothing older than the newest that was ever seen, and not two of one number. What came with the system is
   * believed as the system is: where a release gives way to the one before, so does its catalog.
   */
  #open(
    signed: SignedCatalog,
    publicKey: Uint8Array,
    added: Shelf["added"],
  ): { readonly shelf: Shelf; readonly seen: SeenCatalog } {
    const known = added === undefined ? undefined : this.#options.store.seen(catalogId(publicKey));
    const catalog = openCatalog(signed, publicKey, known?.sequence);
    const digest = hash("sha256", signed.index, "hex");
    const isDevelopment = developmentKeys.has(toHex(publicKey));
    // Whoever works on a catalog signs the same number again and again.
    if (known?.sequence === catalog.sequence && known.digest !== digest && !isDevelopment) {
      throw catalogSourceFaults.fault(
        "catalog-forked",
        `there are two catalogs ${catalog.sequence} of one publisher; ask its publisher which one is right, and remove it until then`,
      );
    }
    return {
      shelf: { catalog, publicKey, added, isDevelopment, formerly: new Set() },
      seen: { sequence: catalog.sequence, digest },
    };
  }

  get #shelves(): readonly Shelf[] {
    return [...this.#builtIn, ...this.#added.values()];
  }

  get #catalogs(): readonly Catalog[] {
    return this.#shelves.map(({ catalog }) => catalog);
  }

  /** One that cannot be opened at the moment is there, too. */
  #listed(shown: string): ListedCatalog {
    const found = this.#options.store.listed().find(({ id }) => shownId(id) === shown);
    if (found !== undefined) return found;
    if (this.#builtIn.some(({ catalog }) => shownId(catalog.id) === shown)) {
      throw catalogSourceFaults.fault(
        "catalog-built-in",
        "the catalog came with the system, and changes with each update of it",
      );
    }
    throw catalogSourceFaults.fault(
      "catalog-not-found",
      "this device has no such catalog any more; look at the list of catalogs again",
    );
  }

  /**
   * Fetches it, and has it from then on; gives its id. `publicKey` is what the owner was told: what is signed by another one
   * is refused. Throws `catalogSourceFaults`, `catalogFaults`.
   */
  async add(address: string, publicKey: Uint8Array): Promise<string> {
    const id = catalogId(publicKey);
    this.#mayAdd(id);
    const signed = await this.#options.fetch(address, fetchMs);
    // Another one may have come meanwhile.
    this.#mayAdd(id);
    const { fetched, seen, shelf } = this.#opened({ id, address, publicKey }, signed);
    this.#options.store.put(fetched, seen);
    this.#added.set(id, shelf);
    this.#missed.delete(id);
    return shownId(id);
  }

  #mayAdd(id: string): void {
    if (this.#catalogs.some((one) => one.id === id)) {
      throw catalogSourceFaults.fault(
        "catalog-known",
        "this device has the catalog already; look at the list of catalogs",
      );
    }
    const others = this.#options.store.listed().filter((one) => one.id !== id);
    if (others.length >= addedMax) {
      throw catalogSourceFaults.fault(
        "too-many-catalogs",
        `a device has ${addedMax} catalogs beside its own at most; remove one first`,
      );
    }
  }

  #opened(
    of: Pick<AddedCatalog, "id" | "address" | "publicKey">,
    signed: SignedCatalog,
  ): { readonly fetched: AddedCatalog; readonly shelf: Shelf; readonly seen: SeenCatalog } {
    const fetchedAtMs = this.#nowMs();
    const { shelf, seen } = this.#open(signed, of.publicKey, { address: of.address, fetchedAtMs });
    return { fetched: { ...of, ...signed, fetchedAtMs }, shelf, seen };
  }

  /**
   * Throws `catalog-not-found`, `catalog-built-in`, and what `add` does; what was there stays then, and why it failed is
   * kept beside it.
   */
  async renew(shown: string, signal?: AbortSignal): Promise<void> {
    const { id, address, publicKey } = this.#listed(shown);
    const { store, fetch, world } = this.#options;
    try {
      const signed = await fetch(address, fetchMs, signal);
      // Whoever removed it meanwhile does not get it back.
      this.#listed(shown);
      const { fetched, seen, shelf } = this.#opened({ id, address, publicKey }, signed);
      store.keep(fetched, seen);
      this.#added.set(id, shelf);
      this.#missed.delete(id);
    } catch (error) {
      if (isCatalogFault(error) && signal?.aborted !== true) {
        const look = { code: error.code, atMs: this.#nowMs() };
        this.#noteFailed(id, look);
        this.#missed.set(id, { ...look, triedMs: world.monotonicMs() });
      }
      throw error;
    }
  }

  /** What was installed from it stays, and hears of no newer versions. Throws `catalog-not-found`, `catalog-built-in`. */
  remove(shown: string): void {
    const { id } = this.#listed(shown);
    this.#options.store.delete(id);
    this.#forget(id);
  }

  #forget(id: string): void {
    this.#added.delete(id);
    this.#missed.delete(id);
  }

  /** Something has changed that one which was never fetched may be waiting for, or the list itself. */
  wake(): void {
    this.#wake.abort(new Error("it is looked at now"));
  }

  /**
   * Until the signal: fetches those that the list has and this device has not, as after it took another one's place, and looks
   * for newer ones now and then. One that cannot be had stays as it is.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { world } = this.#options;
    let renewedMs = world.monotonicMs();
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const isRenewing = world.monotonicMs() - renewedMs >= renewMs;
      if (isRenewing) renewedMs = world.monotonicMs();
      const isComplete = await this.#round(isRenewing, signal);
      const pauseMs = Math.max(renewedMs + renewMs - world.monotonicMs(), 0);
      await world
        .sleep(isComplete ? pauseMs : Math.min(pauseMs, missingMs), AbortSignal.any([signal, this.#wake.signal]))
        .catch(() => undefined);
    }
  }

  /** Whether there is nothing left to fetch. What a disk refuses is tried again like a catalog that cannot be had. */
  async #round(isRenewing: boolean, signal: AbortSignal): Promise<boolean> {
    const { store, mayWork, log } = this.#options;
    try {
      if (mayWork()) for (const id of store.tidy()) this.#forget(id);
      for (const one of store.listed()) {
        if (!signal.aborted && (isRenewing || this.#isDue(one))) await this.#look(one.id, signal);
      }
      return store.listed().every(({ fetchedAtMs }) => fetchedAtMs !== undefined);
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
      log.warn("catalogs-not-looked-at", errorFacts(error));
      return false;
    }
  }

  #isDue({ id, fetchedAtMs }: ListedCatalog): boolean {
    if (fetchedAtMs !== undefined) return false;
    const missed = this.#missed.get(id);
    return missed === undefined || this.#options.world.monotonicMs() - missed.triedMs >= leastPauseMs;
  }

  async #look(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.renew(shownId(id), signal);
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
      if (!signal.aborted) this.#options.log.warn("catalog-not-renewed", { catalog: id, ...errorFacts(error) });
    }
  }

  /** Those there are, and those that should be there; what came with the system first. */
  states(): readonly CatalogState[] {
    const { store } = this.#options;
    const builtIn = [
      ...this.#builtIn.map((shelf) => this.#stateOf(shelf)),
      ...this.#refusedSources.map(({ look }) => ({ builtIn: true, problem: problemOf(look) })),
    ];
    const added = store.listed().map(({ id, address, publicKey, fetchedAtMs, failed }) => {
      const problem = failed ?? (fetchedAtMs === undefined ? this.#missed.get(id) : undefined);
      return {
        ...this.#stateOf(this.#added.get(id)),
        id: shownId(id),
        builtIn: false,
        address,
        publicKey: toHex(publicKey),
        ...(fetchedAtMs === undefined ? {} : { fetchedAtMs }),
        ...(problem === undefined ? {} : { problem: problemOf(problem) }),
      };
    });
    return [...builtIn, ...added];
  }

  #stateOf(shelf: Shelf | undefined): CatalogState {
    if (shelf === undefined) return { builtIn: false };
    const { catalog, publicKey, added, isDevelopment } = shelf;
    const { id, title, sequence, issuedAtMs, expiresAtMs, apps } = catalog;
    return {
      id: shownId(id),
      builtIn: added === undefined,
      publicKey: toHex(publicKey),
      index: {
        title: { ...title },
        development: isDevelopment,
        sequence,
        issuedAtMs,
        expiresAtMs,
        stale: this.#nowMs() > expiresAtMs,
        apps: apps.length,
      },
    };
  }

  /** Of the one with that full id; undefined where this device has it not. */
  titleOf(id: string): LocalizedText | undefined {
    return this.#shelfOf(id)?.catalog.title;
  }

  /** Throws `catalog-app-not-found`, and why it cannot be installed here. */
  installable(catalog: string, app: string): { readonly manifest: AppManifest; readonly catalog: string } {
    const found = this.#find(catalog, app);
    const blocked = this.#blocked(found.app);
    if (blocked === undefined) return { manifest: found.app.manifest, catalog: found.catalog };
    throw catalogSourceFaults.fault(blocked.reason, blocked.detail);
  }

  /** What its images need but for those `here`, as its own catalog says; nobody says it of a manifest the owner gave. */
  imageNeeds(origin: Origin, here: ReadonlySet<string> = new Set()): ImageNeeds {
    const { manifest } = origin;
    const found = this.#offered(origin);
    const missing = new Map(
      manifest.services.flatMap(({ image }) => (here.has(image.digest) ? [] : [[imageName(image), image] as const])),
    );
    return imageNeeds(
      [...missing].map(([name, { digest }]) => ({
        sizeBytes: found?.images.get(name)?.sizeBytes,
        bundled: this.#facts.hasImage(digest),
      })),
    );
  }

  /** With whatever stands in its way; throws `catalog-app-not-found`. */
  entry(
    catalog: string,
    app: string,
  ): { readonly app: CatalogApp; readonly blocked: Blocked | undefined; readonly catalog: string } {
    const { app: found, catalog: id } = this.#find(catalog, app);
    return { app: found, blocked: this.#blocked(found), catalog: id };
  }

  /**
   * What an installed app could become: another form of it in the catalog it came from, where that can be installed. Other
   * catalogs may have an app of that name, too; whom the owner trusted with this one is not asked again.
   */
  newer(origin: Origin): AppManifest | undefined {
    const { manifest } = origin;
    const found = this.#offered(origin);
    if (found === undefined || this.#blocked(found) !== undefined) return undefined;
    return JSON.stringify(found.manifest) === JSON.stringify(manifest) ? undefined : found.manifest;
  }

  /** From the catalog it came from, too: another one's picture would show one app as the other. */
  iconOf(origin: Origin): string | undefined {
    const icon = this.#offered(origin)?.icon;
    return icon === undefined ? undefined : iconAddress(icon);
  }

  /** What the catalog it came from has under its name now, whether it can be installed or not. */
  offered(origin: Origin): AppManifest | undefined {
    return this.#offered(origin)?.manifest;
  }

  #offered({ manifest, catalog: from }: Origin): CatalogApp | undefined {
    const shelf = from === undefined ? undefined : this.#shelfOf(from);
    return shelf?.catalog.apps.find((one) => one.manifest.id === manifest.id);
  }

  /** The one with that full id, or the one that followed it when the keys of releases were replaced. */
  #shelfOf(id: string): Shelf | undefined {
    const shelves = this.#shelves;
    return shelves.find(({ catalog }) => catalog.id === id) ?? shelves.find(({ formerly }) => formerly.has(id));
  }

  view(
    query: { readonly words: string; readonly category: string | undefined; readonly language: string },
    installed: ReadonlySet<string>,
  ): CatalogView {
    const nowMs = this.#nowMs();
    const all = this.#catalogs.flatMap(({ id, apps }) => apps.map((app) => ({ ...app, catalog: id })));
    const has = new Set(all.flatMap(({ manifest }) => manifest.categories));
    return {
      catalogs: this.#catalogs.map(({ id, title, expiresAtMs }) => ({
        id: shownId(id),
        title: { ...title },
        stale: nowMs > expiresAtMs,
      })),
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
      catalog: shownId(catalog),
      app: { ...describeApp(manifest), ...(icon === undefined ? {} : { icon: iconAddress(icon) }) },
      ...(blocked === undefined ? {} : { blocked }),
      ...(offline ? { downloadBytes: 0 } : downloadBytes === undefined ? {} : { downloadBytes }),
      offline,
    };
  }

  #isOffline(manifest: AppManifest): boolean {
    return manifest.services.every(({ image }) => this.#facts.hasImage(image.digest));
  }

  /** With the full id of its catalog. */
  #find(catalog: string, app: string): { readonly app: CatalogApp; readonly catalog: string } {
    const shelf = this.#catalogs.find(({ id }) => shownId(id) === catalog);
    const found = shelf?.apps.find(({ manifest }) => manifest.id === app);
    if (shelf === undefined || found === undefined)
      throw catalogSourceFaults.fault(
        "catalog-app-not-found",
        "no catalog of this device has that app any more; look at the catalog again",
      );
    return { app: found, catalog: shelf.id };
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

/** Of a file that is not there, or no text. */
const unreadable = "catalog-malformed";

function isCatalogFault(error: unknown): error is Fault {
  return catalogFaults.owns(error) || catalogSourceFaults.owns(error);
}

function problemOf({ code, atMs }: FailedLook): NonNullable<CatalogState["problem"]> {
  const meanings: Readonly<Record<string, { readonly meaning: string }>> = {
    ...catalogFaults.entries,
    ...catalogSourceFaults.entries,
  };
  return { code, detail: meanings[code]?.meaning ?? "The catalog cannot be used; look for a newer one.", atMs };
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
