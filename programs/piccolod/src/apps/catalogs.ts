/** The catalogs of a device: which apps they offer, and what stands in the way of each here. */
import {
  type AppManifest,
  type Catalog,
  type CatalogApp,
  imageName,
  openCatalog,
  searchApps,
  type SignedCatalog,
} from "@piccolo/app-manifest";
import type { CatalogEntry, CatalogView } from "@piccolo/device-api";
import { catalogue } from "@piccolo/fault";
import { errorFacts, type Log } from "../adapters/log.ts";
import { describeApp } from "./views.ts";

export const catalogSourceFaults = catalogue({
  "catalog-app-not-found": {
    retry: "never",
    meaning: "No catalog of this device has that app; look at the list again.",
  },
  "digest-unverified": {
    retry: "never",
    meaning: "Nobody has verified an image of this app yet, so the catalog does not offer it for installation.",
  },
  "wrong-architecture": { retry: "never", meaning: "The app has no image for this device's processor." },
  "needs-newer-os": {
    retry: "never",
    meaning: "The app needs a newer release of the system; update the device first.",
  },
});

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

export class Catalogs {
  readonly #catalogs: readonly Catalog[];
  readonly #facts: DeviceFacts;
  readonly #nowMs: () => number;

  constructor(sources: readonly CatalogSource[], facts: DeviceFacts, log: Log, nowMs: () => number) {
    this.#facts = facts;
    this.#nowMs = nowMs;
    this.#catalogs = sources.flatMap(({ name, read }) => {
      try {
        const { signed, publicKey } = read();
        return [openCatalog(signed, publicKey)];
      } catch (error) {
        // One that cannot be read must not take the others, or the device, with it.
        log.error("catalog-refused", { catalog: name, ...errorFacts(error) });
        return [];
      }
    });
  }

  /** Throws `catalog-app-not-found`, and why it cannot be installed here. */
  installable(catalog: string, app: string): AppManifest {
    const found = this.#find(catalog, app);
    const blocked = this.#blocked(found);
    if (blocked === undefined) return found.manifest;
    throw catalogSourceFaults.fault(blocked.reason, blocked.detail);
  }

  /** With whatever stands in its way; throws `catalog-app-not-found`. */
  entry(catalog: string, app: string): { readonly app: CatalogApp; readonly blocked: Blocked | undefined } {
    const found = this.#find(catalog, app);
    return { app: found, blocked: this.#blocked(found) };
  }

  /** What an installed app could become: the catalogs' form of it, where it is another one that can be installed. */
  newer(manifest: AppManifest): { readonly catalog: string; readonly manifest: AppManifest } | undefined {
    for (const catalog of this.#catalogs) {
      const found = catalog.apps.find((one) => one.manifest.id === manifest.id);
      if (found === undefined || this.#blocked(found) !== undefined) continue;
      if (JSON.stringify(found.manifest) === JSON.stringify(manifest)) return undefined;
      return { catalog: catalog.id.slice(0, shownIdLength), manifest: found.manifest };
    }
    return undefined;
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
      catalogs: this.#catalogs.map(({ id, title, issuedAtMs, expiresAtMs }) => ({
        id: id.slice(0, shownIdLength),
        title: { ...title },
        builtIn: true,
        issuedAtMs,
        expiresAtMs,
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
