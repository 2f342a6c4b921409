/** The packet filter's rules for the networks of all apps there are. */
import { bridgePrefix, type DeviceNetworks } from "./addresses.ts";
import { generationsOf } from "./observe.ts";
import type { Firewall } from "./runtime/firewall.ts";
import { networksOf } from "./specs.ts";
import type { AppStore } from "./store.ts";

export interface AppFilterOptions {
  readonly firewall: Firewall;
  readonly device: DeviceNetworks;
  readonly store: Pick<AppStore, "all">;
}

export class AppFilter {
  readonly #options: AppFilterOptions;
  #applying: Promise<void> = Promise.resolve();

  constructor(options: AppFilterOptions) {
    this.#options = options;
  }

  /** One after the other, each with the newest records: two at once could leave the older rules. */
  apply(): Promise<void> {
    const result = this.#applying.then(() => this.#apply());
    this.#applying = result.catch(() => undefined);
    return result;
  }

  async #apply(): Promise<void> {
    const { firewall, device, store } = this.#options;
    const networks = store
      .all()
      .flatMap(({ record, ...place }) =>
        generationsOf(record).flatMap((generation) => networksOf({ app: record.app, place, generation }, device)),
      );
    const byBridge = new Map(networks.map((network) => [network.bridge, network]));
    await firewall.apply({
      bridgePrefix: bridgePrefix(device),
      networks: [...byBridge.values()].map(({ bridge, gateway, internal }) => ({
        bridge,
        gateway,
        egress: !internal,
      })),
    });
  }
}
