import assert from "node:assert/strict";
import { test } from "node:test";
import { ed25519FromSeed } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { recoverySheet } from "../security/whereabouts.ts";
import { parsePlaces } from "./places.ts";

const networkId = "ab".repeat(32);
const members = [1, 2, 3, 4].map((number) => ({
  account: `${number}`.repeat(64),
  name: `Owner ${number}`,
  deviceKey: ed25519FromSeed(new Uint8Array(32).fill(number)).publicKey,
  addresses: [`/ip4/192.0.2.${number}/tcp/8800/tls/http`, `/ip4/192.0.2.${number}/tcp/8801/p2p/12D3KooW${number}`],
  online: number !== 1,
  lastSeenMs: number,
  roundTripMs: 1,
  domain: `${number}`,
}));

test("what is no place is refused", () => {
  const refused = [
    "",
    "192.0.2.7",
    "http://192.0.2.7",
    "/ip4/192.0.2.7",
    "/ip4/192.0.2.7/udp/1",
    "/ip4/192.0.2.7/tcp/1 /ip4/192.0.2.8/tcp/1",
    `/dns/${"a".repeat(300)}/tcp/1`,
    "piccolo-sheet-2 - http://central.example",
    "piccolo-sheet-1",
    "piccolo-sheet-1 - not-a-url",
    "piccolo-sheet-1 abc http://central.example",
    `piccolo-sheet-1 - file:///etc/passwd`,
    `piccolo-sheet-1 - http://central.example ${networkId}`,
    `piccolo-sheet-1 - http://central.example ${networkId}@nowhere`,
    `piccolo-sheet-1 - http://central.example ${`${networkId}@/ip4/192.0.2.7/tcp/1 `.repeat(17)}`,
  ];
  for (const text of refused) {
    assert.throws(
      () => parsePlaces(text),
      (error) => isFault(error, "place-refused"),
      text,
    );
  }
});

test("an address is taken with and without the name of its device", () => {
  for (const address of [
    "/ip4/192.0.2.7/tcp/8800",
    "/dns4/home.example/tcp/8800/p2p/12D3KooWabc",
    "/ip6/2001:db8::1/tcp/1",
  ]) {
    const { devices, networkId: named } = parsePlaces(` ${address}\n`);
    assert.deepEqual(devices, [{ keyHash: undefined, addresses: [address] }]);
    assert.equal(named, undefined);
  }
});

test("a sheet accepts its own text, wherever its lines were broken", () => {
  const parts = { networkId, networkName: "Lindenstrasse", centralUrl: "http://central.example:8700", members };
  const { text, members: printed } = recoverySheet(parts, 7);
  const expected = {
    networkId,
    centralUrl: "http://central.example:8700",
    devices: printed.map(({ keyHash, addresses }) => ({ keyHash, addresses })),
  };
  assert.equal(printed.length, 3);
  assert.deepEqual(parsePlaces(text), expected);
  assert.deepEqual(parsePlaces(text.replaceAll(" ", "\n  ")), expected);
  const lone = recoverySheet({ ...parts, networkId: "", members: [] }, 7).text;
  assert.deepEqual(parsePlaces(lone), { ...expected, networkId: undefined, devices: [] });
});

test("a sheet has no secret: nothing but public keys' hashes, addresses and the network's id", () => {
  const { text, ...sheet } = recoverySheet(
    { networkId, networkName: "Lindenstrasse", centralUrl: "http://central.example", members },
    7,
  );
  const known = [networkId, ...sheet.members.map(({ keyHash }) => keyHash)];
  const long = text.match(/[0-9a-f]{32,}/g) ?? [];
  assert.ok(long.every((found) => known.includes(found)));
  assert.deepEqual(Object.keys(sheet).toSorted(), ["centralUrl", "madeAtMs", "members", "networkId", "networkName"]);
  assert.ok(sheet.members.every((member) => Object.keys(member).toSorted().join() === "addresses,keyHash,name"));
});
