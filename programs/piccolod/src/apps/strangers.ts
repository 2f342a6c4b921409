/**
 * What belongs to no app any more: containers and networks whose making was cut off while their app was uninstalled, and
 * images of versions that are gone. Data is never among it.
 */
import { isFault } from "@piccolo/fault";
import { errorFacts, type Log } from "../adapters/log.ts";
import { bridgePrefix, type DeviceNetworks } from "./addresses.ts";
import { generationsOf } from "./observe.ts";
import type { Generation } from "./plan-types.ts";
import type { ContainerRuntime } from "./runtime/container-runtime.ts";
import { appLabel, networksOf } from "./specs.ts";
import type { AppStore } from "./store.ts";

export interface StrangerOptions {
  readonly runtime: ContainerRuntime;
  readonly store: AppStore;
  readonly device: DeviceNetworks;
  readonly log: Log;
}

/** What cannot be removed now is removed the next time. Throws where it cannot be seen what is there. */
export async function removeStrangers({ runtime, store, device, log }: StrangerOptions): Promise<void> {
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
      log.info("stranger-removed", { what });
    } catch (error) {
      if (!isFault(error)) throw error;
      log.warn("stranger-stays", { what, code: error.code, ...errorFacts(error) });
    }
  };
  // What is there is read before the records: an app that is just being installed has its record first.
  const [containers, networks] = [await runtime.listed(), await runtime.networks()];
  const apps = store.all();
  const known = new Set(apps.map(({ record }) => record.app));
  for (const { name, labels } of containers) {
    const app = labels[appLabel];
    if (app !== undefined && !known.has(app)) await attempt(name, () => runtime.remove(name));
  }
  const used = new Set(
    apps.flatMap(({ record, ...place }) =>
      generationsOf(record).flatMap((generation) =>
        networksOf({ app: record.app, place, generation }, device).map(({ name }) => name),
      ),
    ),
  );
  for (const name of networks) {
    if (name.startsWith(bridgePrefix(device)) && !used.has(name)) {
      await attempt(name, () => runtime.removeNetwork(name));
    }
  }
  await runtime.keepImages(imagesOf(store));
}

/** Of all that runs, or can be brought back. */
function imagesOf(store: AppStore): ReadonlySet<string> {
  const installed = store.all().flatMap(({ record }) => [...generationsOf(record), ...record.backups.map(ofBackup)]);
  const trashed = store
    .trash()
    .flatMap(({ trash }) => [
      trash.generation,
      ...(trash.rollback === undefined ? [] : [trash.rollback.generation]),
      ...trash.backups.map(ofBackup),
    ]);
  return new Set(
    [...installed, ...trashed].flatMap(({ manifest }) => manifest.services.map(({ image }) => image.digest)),
  );
}

const ofBackup = ({ generation }: { readonly generation: Generation }): Generation => generation;
