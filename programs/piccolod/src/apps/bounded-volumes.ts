/** Volumes of apps are made one at a time: until one is there, nobody knows what is promised to it. */
import type { AppManifest, DataVolume } from "@piccolo/app-manifest";
import { diskFaults } from "@piccolo/storage/ports";
import type { AppStorage } from "./runtime/app-storage.ts";
import { type BoundFacts, volumeBound } from "./volume-bounds.ts";

type BoundedStorage = Pick<AppStorage, "freeBytes" | "promisedBytes" | "volumesOf" | "makeVolume">;

export class BoundedVolumes {
  readonly #storage: BoundedStorage;
  #turn: Promise<void> = Promise.resolve();

  constructor(storage: BoundedStorage) {
    this.#storage = storage;
  }

  /** Of the device as it is for the app now. */
  facts(app: string): BoundFacts {
    const { [app]: ownBytes, ...others } = this.#storage.promisedBytes();
    const othersBytes = Object.values(others).reduce((sum, bytes) => sum + bytes, 0);
    return { freeBytes: this.#storage.freeBytes(), ownBytes, othersBytes };
  }

  /** Those of the manifest that are not there yet. */
  missing(app: string, { volumes }: Pick<AppManifest, "volumes">): readonly DataVolume[] {
    const there = this.#storage.volumesOf(app);
    return volumes.filter(({ name }) => !there.includes(name));
  }

  /** Makes it where it is missing. Throws `disk-full` where no room is left that is promised to nobody. */
  make(app: string, volume: DataVolume, manifest: AppManifest): Promise<void> {
    return this.#inTurn(() => this.#make(app, volume, manifest));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.catch(() => undefined).then(work);
    this.#turn = done;
    return done;
  }

  async #make(app: string, volume: DataVolume, manifest: AppManifest): Promise<void> {
    if (this.#storage.volumesOf(app).includes(volume.name)) return;
    const bound = volumeBound(volume, manifest, this.facts(app));
    if (bound === undefined) {
      const why = "all room for data is taken, or promised to the apps that are here; remove one, then do it again";
      throw diskFaults.fault("disk-full", why);
    }
    await this.#storage.makeVolume(app, volume.name, bound);
  }
}
