/**
 * The port to the packet filter. Podman makes the bridges; these rules keep what is behind them from the host, from other
 * apps and from the home network. The adapter is `adapters/firewall`.
 */
import { catalogue } from "@piccolo/fault";

export const firewallFaults = catalogue({
  "firewall-failed": {
    retry: "later",
    meaning:
      "Without the rules that keep apps apart no app is started. Restart the device; where it stays so, report it with what is said here.",
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
