/** Records of apps that come from a backup; their lanes do the rest. */
import type { AppManifest } from "@piccolo/app-manifest";
import type { World } from "@piccolo/world";
import { toHex } from "@piccolo/bytes";
import { leastFreeBytes } from "../admission.ts";
import type { Apps } from "../apps.ts";
import {
  type BackedUpForm,
  requestDrill,
  requestForgetCopy,
  requestInstallFromBackup,
  requestRemoval,
  requestRestoreFromBackup,
} from "../requests.ts";
import type { BundledImages } from "../image-source.ts";
import type { Generation } from "../plan-types.ts";
import type { AppStore } from "../store.ts";
import type { BackupDocument } from "./document.ts";
import { withOwnImages } from "./own-images.ts";
import { backupFaults, type StoredBackup } from "./types.ts";

/** No manifest can have an id like that. */
export const drillName = (app: string): string => `drill_${app}`;

/** The app that a drill is of; undefined where the name is none of a drill. */
export function drilledApp(name: string): string | undefined {
  const start = drillName("");
  return name.startsWith(start) ? name.slice(start.length) : undefined;
}

type HostApps = Pick<Apps, "go" | "freePlace" | "requireNew" | "requireRoom" | "requireSuited" | "isStuck">;

export interface RestoredAppsOptions {
  readonly apps: HostApps;
  readonly appStore: AppStore;
  readonly bundled: BundledImages;
  /** What the catalog of an app has under its name now; undefined where there is no such catalog. */
  readonly offered: (app: Pick<Generation, "manifest" | "catalog">) => AppManifest | undefined;
  readonly world: World;
}

export class RestoredApps {
  readonly #options: RestoredAppsOptions;
  readonly #apps: HostApps;
  readonly #store: AppStore;
  readonly #world: World;

  constructor(options: RestoredAppsOptions) {
    const { apps, appStore, world } = options;
    this.#options = options;
    this.#apps = apps;
    this.#store = appStore;
    this.#world = world;
  }

  /** The app as it can run here. */
  #present(document: BackupDocument): BackupDocument {
    const { bundled, offered } = this.#options;
    const { generation } = document;
    const manifest = withOwnImages(generation.manifest, offered(generation), bundled);
    return { ...document, generation: { ...generation, manifest } };
  }

  #copyName(): string {
    return toHex(this.#world.randomBytes(16));
  }

  /** In the place of the app that is there, or as one that was not. Throws what the requests and `requireNew` do, `no-room`. */
  restore(backup: StoredBackup, backedUp: BackupDocument): void {
    const document = this.#present(backedUp);
    const form = formOf(backup, document);
    const installed = this.#store.get(document.app);
    const { manifest } = document.generation;
    if (installed === undefined) this.#apps.requireNew(manifest);
    else this.#apps.requireSuited(manifest);
    if (installed === undefined) {
      const record = requestInstallFromBackup(undefined, form, this.#copyName(), this.#world.nowMs());
      this.#store.insert(
        record,
        this.#apps.freePlace(document.app, leastFreeBytes + roomFor(backup)),
        document.secrets,
      );
    } else {
      const names = { copy: this.#copyName(), safety: this.#copyName() };
      const record = requestRestoreFromBackup(
        installed.record,
        form,
        names,
        this.#world.nowMs(),
        this.#apps.isStuck(document.app),
      );
      this.#apps.requireRoom(record, form.volumes.length === 0 ? undefined : roomFor(backup));
      this.#store.put(record);
    }
    this.#apps.go(document.app);
  }

  /** A copy that nobody sees, under `drillName`. Throws `drill-going`, `no-room`, and what `requireSuited` does. */
  startDrill(backup: StoredBackup, backedUp: BackupDocument): void {
    const document = this.#present(backedUp);
    this.#apps.requireSuited(document.generation.manifest);
    const name = drillName(document.app);
    if (this.#store.get(name) !== undefined) {
      throw backupFaults.fault(
        "drill-going",
        "the copy of the last restore drill is still being removed; try again in a few minutes",
      );
    }
    const record = requestDrill(formOf(backup, document), { name, copy: this.#copyName() }, this.#world.nowMs());
    this.#store.insert(record, this.#apps.freePlace(name, leastFreeBytes + roomFor(backup)), document.secrets);
    this.#apps.go(name);
  }

  /** Whether there was one. */
  endDrill(app: string): boolean {
    const name = drillName(app);
    const drill = this.#store.get(name);
    if (drill === undefined) return false;
    this.#store.put(requestRemoval(drill.record, this.#copyName()));
    this.#apps.go(name);
    return true;
  }

  /** The local copy is in the network now. */
  forgetCopy(app: string, copy: string): void {
    const installed = this.#store.get(app);
    if (installed === undefined) return;
    const record = requestForgetCopy(installed.record, copy);
    if (record === installed.record) return;
    this.#store.put(record);
    // No change is interrupted for it, such as an update that is being fetched: the copy goes after it.
    if (record.change === undefined) this.#apps.go(app);
  }
}

/** The copy that is fetched, and the volumes made from it. */
const roomFor = ({ facts }: StoredBackup): number => 2 * facts.plainBytes;

function formOf({ id }: StoredBackup, { generation, volumes, secrets }: BackupDocument): BackedUpForm {
  const form = { generation, backup: id, volumes: volumes.map(({ name }) => name) };
  // Those of a backup with data come with it, when it is put in place.
  return volumes.length === 0 ? { ...form, secrets } : form;
}
