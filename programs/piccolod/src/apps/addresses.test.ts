import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addressOf,
  bridgePrefix,
  deviceNetworks,
  idStartOf,
  networkOf,
  nextNetworkSlot,
  servicesMax,
  slotsMax,
} from "./addresses.ts";
import { idRangeSize } from "./runtime/container-spec.ts";

const slot = fc.integer({ min: 0, max: slotsMax - 1 });
const device = deviceNetworks("ab12", 31);
const numberOf = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const rangeOf = (subnet: string): readonly [first: number, after: number] => {
  const [address = "", bits = ""] = subnet.split("/");
  return [numberOf(address), numberOf(address) + 2 ** (32 - Number(bits))];
};

test("no two apps have an id, a bridge or an address in common", () => {
  fc.assert(
    fc.property(slot, slot, (one, other) => {
      fc.pre(one !== other);
      assert.ok(Math.abs(idStartOf(one) - idStartOf(other)) >= idRangeSize);
      for (const kind of ["inner", "outer"] as const) {
        const [a, b] = [networkOf(device, one, "inner"), networkOf(device, other, kind)];
        assert.notEqual(a.bridge, b.bridge);
        const [[first, after], [otherFirst, otherAfter]] = [rangeOf(a.subnet), rangeOf(b.subnet)];
        assert.ok(after <= otherFirst || otherAfter <= first);
      }
    }),
  );
});

test("all of it fits: ids into 31 bits, bridges into the kernel's names, addresses into 10.128.0.0/9", () => {
  fc.assert(
    fc.property(slot, fc.integer({ min: 0, max: 65_535 }), (one, number) => {
      assert.ok(idStartOf(one) + idRangeSize <= 2 ** 31);
      const network = networkOf(deviceNetworks("ffff", number), one, "outer");
      assert.ok(network.bridge.length <= 15 && network.bridge.startsWith(bridgePrefix(deviceNetworks("ffff", 0))));
      const [first, after] = rangeOf(network.subnet);
      assert.ok(first >= numberOf("10.128.0.0") && after <= numberOf("11.0.0.0"));
    }),
  );
});

test("two generations of an app side by side have no address twice", () => {
  const network = networkOf(device, 5, "inner");
  const all = [1, 2].flatMap((generation) =>
    Array.from({ length: servicesMax }, (_, service) => addressOf(network, service, generation)),
  );
  assert.equal(new Set([...all, network.gateway]).size, all.length + 1);
  const [first, after] = rangeOf(network.subnet);
  // Neither the network's own address nor the last one, which means everybody.
  for (const address of all) assert.ok(numberOf(address) > first && numberOf(address) < after - 1);
});

test("another place of an app's networks is free, and every free one is found", () => {
  fc.assert(
    fc.property(slot, fc.uniqueArray(slot, { maxLength: 50 }), (one, others) => {
      const next = nextNetworkSlot(one, new Set([one, ...others]));
      assert.ok(next !== undefined && next !== one && !others.includes(next));
    }),
  );
  const all = Array.from({ length: slotsMax }, (_, at) => at);
  assert.equal(nextNetworkSlot(5, new Set(all.filter((at) => at !== 1_234))), 1_234);
  assert.equal(nextNetworkSlot(5, new Set(all)), undefined);
});
