/**
 * Volumes of apps are made, and their bounds raised, one at a time: until that is done, nobody knows what is promised to
 * them. A bound is decided when the volume is made, and again at each start of what uses it, and when it is nearly full.
 */
import type { AppManifest, DataVolume } from "@piccolo/app-manifest";
import { diskFaults } from "@piccolo/storage/ports";
import { errorFacts, type Log } from "../adapters/log.ts";
import { isOperatingFailure } from "../operating-failure.ts";
import type { AppStorage } from "./runtime/app-storage.ts";
import { type BoundFacts, isNearlyFull, raisedBound, type VolumeNow, volumeBound } from "./volume-bounds.ts";

type BoundedStorage = Pick<
  AppStorage,
  "freeBytes" | "promisedBytes" | "usedBytes" | "boundBytes" | "volumesOf" | "makeVolume" | "raiseBound"
>;

export class BoundedVolumes {
  readonly #storage: BoundedStorage;
  readonly #log: Log;
  #turn: Promise<void> = Promise.resolve();

  constructor({ storage, log }: { readonly storage: BoundedStorage; readonly log: Log }) {
    this.#storage = storage;
    this.#log = log;
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

  /** What cannot be raised is tried again the next time; the app goes on with what it has. */
  async raise(app: string, manifest: AppManifest): Promise<void> {
    for (const volume of manifest.volumes) await this.#inTurn(() => this.#raise(app, volume, manifest));
  }

  /** As `raise`, where the app is about to run out of room. */
  async raiseWhereNearlyFull(app: string, manifest: AppManifest): Promise<void> {
    if (Object.values(this.#volumes(app)).some(isNearlyFull)) await this.raise(app, manifest);
  }

  #volumes(app: string): Readonly<Record<string, VolumeNow>> {
    const usedBytes = this.#storage.usedBytes(app);
    const bounds = Object.entries(this.#storage.boundBytes(app));
    return Object.fromEntries(
      bounds.map(([name, boundBytes]) => [name, { boundBytes, usedBytes: usedBytes[name] ?? 0 }]),
    );
  }

  async #raise(app: string, volume: DataVolume, manifest: AppManifest): Promise<void> {
    try {
      const bound = raisedBound(volume, manifest, this.#volumes(app), this.facts(app));
      if (bound === undefined) return;
      await this.#storage.raiseBound(app, volume.name, bound);
      this.#log.info("app-volume-raised", { app, volume: volume.name, sizeBytesMax: bound });
    } catch (error) {
      if (!isOperatingFailure(error)) throw error;
      this.#log.warn("app-volume-not-raised", { app, volume: volume.name, code: error.code, ...errorFacts(error) });
    }
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
