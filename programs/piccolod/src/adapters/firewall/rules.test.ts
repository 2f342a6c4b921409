import assert from "node:assert/strict";
import { test } from "node:test";
import type { FirewallPlan } from "../../apps/runtime/firewall.ts";
import { keptAwayFrom, removalOf, rulesOf } from "./rules.ts";

const inner = { bridge: "pcab-1i", gateway: "10.130.1.1", egress: false };
const outer = { bridge: "pcab-1o", gateway: "10.130.1.65", egress: true };
const plan: FirewallPlan = { bridgePrefix: "pcab-", networks: [inner, outer] };

/** Lines of one chain, in their order. */
function chain(name: string, of: FirewallPlan = plan): readonly string[] {
  const text = rulesOf("piccolo_ab", of);
  const body =
    new RegExp(`  chain ${name} \\{\\n(.*?)\\n  \\}`, "s").exec(text)?.[1] ?? assert.fail(`no chain ${name}`);
  return body.split("\n").map((line) => line.trim());
}

const number = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

/** Whether a range of the list has the address. */
function isKept(address: string): boolean {
  return keptAwayFrom.some((range) => {
    const [base = "", bits = ""] = range.split("/");
    const size = 2 ** (32 - Number(bits));
    return Math.floor(number(address) / size) === Math.floor(number(base) / size);
  });
}

// From <https://www.iana.org/assignments/iana-ipv4-special-registry>, and what is no address of one machine.
for (const [what, addresses] of [
  ["this network", ["0.0.0.0", "0.255.255.255"]],
  ["private use", ["10.0.0.1", "10.255.255.254", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.254"]],
  ["shared with a provider's customers", ["100.64.0.1", "100.127.255.254"]],
  ["loopback", ["127.0.0.1", "127.255.255.254"]],
  ["link-local, where clouds tell secrets", ["169.254.0.1", "169.254.169.254"]],
  ["protocol assignments", ["192.0.0.1", "192.0.0.254"]],
  ["documentation", ["192.0.2.1", "198.51.100.1", "203.0.113.254"]],
  ["benchmarks", ["198.18.0.1", "198.19.255.254"]],
  ["multicast", ["224.0.0.251", "239.255.255.250"]],
  ["reserved, and everybody here", ["240.0.0.1", "255.255.255.255"]],
] as const) {
  test(`an app with a way out is kept away from addresses for ${what}`, () => {
    assert.deepEqual(
      addresses.filter((address) => !isKept(address)),
      [],
    );
  });
}

test("an app with a way out reaches what lies beside those ranges", () => {
  const beside = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
  ];
  const more = ["192.0.1.1", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"];
  assert.deepEqual([...beside, ...more].filter(isKept), []);
});

test("the host is closed to all apps, but for names at the gateway of a network with a way out", () => {
  assert.deepEqual(chain("input"), [
    "type filter hook input priority -20; policy accept;",
    'iifname != "pcab-*" accept',
    "ct state established,related accept",
    'iifname "pcab-1o" ip daddr 10.130.1.65 udp dport 53 accept',
    'iifname "pcab-1o" ip daddr 10.130.1.65 tcp dport 53 accept',
    "drop",
  ]);
});

test("what is forwarded: within a network, answers, and from a network with a way out what is not kept away, by IPv4", () => {
  assert.deepEqual(chain("forward"), [
    "type filter hook forward priority -20; policy accept;",
    'iifname "pcab-1i" oifname "pcab-1i" accept',
    'iifname "pcab-1o" oifname "pcab-1o" accept',
    "ct state established,related accept",
    // Before any app's way out: another app's bridge is none.
    'oifname "pcab-*" drop',
    `iifname "pcab-1o" ip daddr { ${keptAwayFrom.join(", ")} } drop`,
    'iifname "pcab-1o" meta nfproto ipv4 accept',
    'iifname "pcab-*" drop',
  ]);
});

test("without any network, apps that are still there are kept from everything", () => {
  const none: FirewallPlan = { bridgePrefix: "pcab-", networks: [] };
  assert.deepEqual(chain("input", none).slice(-2), ["ct state established,related accept", "drop"]);
  assert.deepEqual(chain("forward", none).slice(-2), ['oifname "pcab-*" drop', 'iifname "pcab-*" drop']);
});

test("rules take the place of those before at once, and their removal is no error where there are none", () => {
  assert.equal(removalOf("piccolo_ab"), "table inet piccolo_ab {}\ndelete table inet piccolo_ab\n");
  assert.ok(rulesOf("piccolo_ab", plan).startsWith(removalOf("piccolo_ab")));
});
