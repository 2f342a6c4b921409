import { createSecureContext, type SecureContext } from "node:tls";
import type { World } from "@piccolo/world";
import type { Authority } from "./certificates.ts";
import { Leaf } from "./leaf.ts";

export interface AppLeavesOptions {
  readonly authority: () => Authority;
  readonly deviceName: string;
  /** Whether the name is an app's host now. */
  readonly isAppHost: (name: string) => boolean;
  readonly world: World;
}

/**
 * A certificate for each app's host, made when it is first asked for. One for all of them would tell everybody on the
 * network which apps there are.
 */
export class AppLeaves {
  readonly #options: AppLeavesOptions;
  readonly #made = new Map<string, { readonly leaf: Leaf; readonly context: SecureContext }>();

  constructor(options: AppLeavesOptions) {
    this.#options = options;
  }

  contextOf(name: string): SecureContext | undefined {
    const { authority, deviceName, isAppHost, world } = this.#options;
    if (!isAppHost(name)) {
      this.#made.delete(name);
      return undefined;
    }
    const made = this.#made.get(name);
    if (made !== undefined && !made.leaf.isStale) return made.context;
    const leaf = new Leaf({ authority, deviceName, names: [name], addresses: () => [], world });
    const context = createSecureContext({ ...leaf.make(), minVersion: "TLSv1.3" });
    this.#made.set(name, { leaf, context });
    return context;
  }
}
