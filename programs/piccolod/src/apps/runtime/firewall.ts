/**
 * The port to the packet filter. Podman makes the bridges; these rules keep what is behind them from the host, from other
 * apps and from the home network. The adapter is `adapters/firewall`.
 */
import { catalogue } from "@piccolo/fault";

export const firewallFaults = catalogue({
  "firewall-failed": {
    retry: "later",
    meaning: "The rules that keep apps apart could not be set, so no app is started; the device's log has the reason.",
  },
});

export interface FilteredNetwork {
  readonly bridge: string;
  readonly gateway: string;
  /** Reaches the internet, never private addresses. */
  readonly egress: boolean;
}

export interface FirewallPlan {
  /** Begins the names of all bridges of this device; one that is in no plan reaches nothing. */
  readonly bridgePrefix: string;
  readonly networks: readonly FilteredNetwork[];
}

export interface Firewall {
  /** Replaces all rules of this device at once. Throws `firewall-failed`, with the former rules in force. */
  apply(plan: FirewallPlan): Promise<void>;
  remove(): Promise<void>;
}
