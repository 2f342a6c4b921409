/** The rules as text for `nft`. Pure, so that they can be read in a test as a person would read them. */
import type { FirewallPlan } from "../../apps/runtime/firewall.ts";

/** What no app reaches through its way out: private, shared, local, reserved and multicast addresses (RFC 6890). */
export const keptAwayFrom: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];

/** Before Podman's own chains; a packet dropped here is gone, one accepted here is still theirs to judge. */
const priority = -20;

export function removalOf(table: string): string {
  // Naming it first makes it exist, so that the removal of what is not there is no error.
  return `table inet ${table} {}\ndelete table inet ${table}\n`;
}

export function rulesOf(table: string, { bridgePrefix, networks }: FirewallPlan): string {
  const all = `"${bridgePrefix}*"`;
  const egress = networks.filter((network) => network.egress);
  const lines = [
    `table inet ${table} {`,
    "  chain input {",
    `    type filter hook input priority ${priority}; policy accept;`,
    `    iifname != ${all} accept`,
    "    ct state established,related accept",
    // Names of the outside are looked up at the gateway of a network that has a way out, and nowhere else.
    ...egress.flatMap(({ bridge, gateway }) => [
      `    iifname "${bridge}" ip daddr ${gateway} udp dport 53 accept`,
      `    iifname "${bridge}" ip daddr ${gateway} tcp dport 53 accept`,
    ]),
    "    drop",
    "  }",
    "  chain forward {",
    `    type filter hook forward priority ${priority}; policy accept;`,
    // Within one network: seen here only where the kernel filters bridged packets too.
    ...networks.map(({ bridge }) => `    iifname "${bridge}" oifname "${bridge}" accept`),
    "    ct state established,related accept",
    // Nobody from outside begins to talk to an app, nor does another app.
    `    oifname ${all} drop`,
    ...egress.flatMap(({ bridge }) => [
      `    iifname "${bridge}" ip daddr { ${keptAwayFrom.join(", ")} } drop`,
      `    iifname "${bridge}" meta nfproto ipv4 accept`,
    ]),
    `    iifname ${all} drop`,
    "  }",
    "}",
  ];
  return `${removalOf(table)}${lines.join("\n")}\n`;
}
