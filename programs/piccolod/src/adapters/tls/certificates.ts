/** The device's own authority and the certificates it gives itself (RFC 5280), with keys of P-256. */
import { createECDH, createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { BlockList, isIP, isIPv4 } from "node:net";
import { concat, toBase64Url, toUtf8 } from "@piccolo/bytes";
import { bits, der, integer, name, octets, oid, sequence, time, yes } from "./der.ts";

export const authoritySeedBytes = 32;
const serialBytes = 16;
/** What browsers take from authorities that people add is bounded (Apple: 825 days; public ones: 398). */
export const leafDays = 397;
const dayMs = 86_400_000;
/** A clock may be a little behind those of browsers. */
const leewayMs = 2 * dayMs;

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
const forever = sequence(der(0x17, toUtf8("700101000000Z")), der(0x18, toUtf8("99991231235959Z")));
const version3 = Uint8Array.fromHex("a003020102");

export interface Authority {
  readonly key: KeyObject;
  /** DER. It does not change, since people may have put it into their browsers. */
  readonly certificate: Uint8Array;
}

/** A private key from 32 random bytes; undefined for the few that are none (zero, or not below the order). */
export function keyOfSeed(seed: Uint8Array): KeyObject | undefined {
  const curve = createECDH("prime256v1");
  try {
    curve.setPrivateKey(seed);
  } catch {
    return undefined;
  }
  const point = curve.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((coordinate) => toBase64Url(coordinate));
  const jwk = { kty: "EC", crv: "P-256", d: toBase64Url(seed), x: x ?? "", y: y ?? "" };
  return createPrivateKey({ key: jwk, format: "jwk" });
}

function publicPart(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }));
}

/** The hash of a public key that certificates name each other by. */
function keyId(spki: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(spki).digest().subarray(0, 20));
}

function extension(id: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...(isCritical ? [yes] : []), octets(value));
}

/** Only names and addresses of local networks: whoever takes the key from the device can pass for nothing else. */
const localNames = ["local", "localhost"].map((domain) => sequence(der(0x82, toUtf8(domain))));
const localRanges = [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
  ["127.0.0.0", 8],
  ["fc00::", 7],
  ["fe80::", 10],
] as const;
const localBlocks = new BlockList();
for (const [from, prefix] of localRanges) localBlocks.addSubnet(from, prefix, familyOf(from));
const localAddresses = localRanges.map(([from, prefix]) =>
  sequence(der(0x87, addressBytes(from), maskBytes(prefix, addressBytes(from).length))),
);

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}

function maskBytes(prefix: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefix - 8 * at))));
}

/** Whether the authority may certify the address. */
export function isLocalAddress(address: string): boolean {
  return isIP(address) !== 0 && localBlocks.check(address, familyOf(address));
}

const localOnly = sequence(der(0xa0, ...localNames, ...localAddresses));

interface Body {
  readonly serial: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly validity: Uint8Array;
  readonly spki: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

function signed({ serial, issuer, subject, validity, spki, extensions }: Body, by: KeyObject): Uint8Array {
  const body = sequence(
    version3,
    integer(serial),
    ecdsaWithSha256,
    issuer,
    validity,
    subject,
    spki,
    der(0xa3, sequence(...extensions)),
  );
  return sequence(body, ecdsaWithSha256, bits(sign("sha256", body, by)));
}

/** A serial number above zero, of which the first bit is not needed. */
function serialOf(random: Uint8Array): Uint8Array {
  const serial = random.slice(0, serialBytes);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

const authorityName = (deviceName: string): Uint8Array => name(`Piccolo device ${deviceName}`);

export function makeAuthority(key: KeyObject, deviceName: string, random: Uint8Array): Authority {
  const spki = publicPart(key);
  const subject = authorityName(deviceName);
  const extensions = [
    extension("551d13", true, sequence(yes, integer(Uint8Array.of(0)))),
    extension("551d0f", true, bits(Uint8Array.of(0x06), 1)),
    extension("551d1e", true, localOnly),
    extension("551d0e", false, octets(keyId(spki))),
  ];
  const body = { serial: serialOf(random), issuer: subject, subject, validity: forever, spki, extensions };
  return { key, certificate: signed(body, key) };
}

export interface LeafOf {
  readonly authority: Authority;
  readonly deviceName: string;
  readonly key: KeyObject;
  /** Names and addresses, the first as the common name. */
  readonly names: readonly string[];
  readonly nowMs: number;
  readonly random: Uint8Array;
}

export function makeLeaf({ authority, deviceName, key, names, nowMs, random }: LeafOf): Uint8Array {
  const spki = publicPart(key);
  const extensions = [
    extension("551d13", true, sequence()),
    extension("551d0f", true, bits(Uint8Array.of(0x80), 7)),
    extension("551d25", false, sequence(oid("2b06010505070301"))),
    extension("551d11", false, sequence(...names.map(generalName))),
    extension("551d23", false, sequence(der(0x80, keyId(publicPart(authority.key))))),
    extension("551d0e", false, octets(keyId(spki))),
  ];
  const from = nowMs - leewayMs;
  const validity = sequence(time(from), time(from + leafDays * dayMs));
  const issuer = authorityName(deviceName);
  const subject = name(names[0] ?? deviceName);
  return signed({ serial: serialOf(random), issuer, subject, validity, spki, extensions }, authority.key);
}

function generalName(of: string): Uint8Array {
  return isIP(of) === 0 ? der(0x82, toUtf8(of)) : der(0x87, addressBytes(of));
}

function addressBytes(address: string): Uint8Array {
  return isIPv4(address) ? Uint8Array.from(address.split("."), Number) : ipv6Bytes(address);
}

function ipv6Bytes(address: string): Uint8Array {
  const [head = "", tail] = address.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const [front, back] = [groups(head), groups(tail ?? "")];
  const middle = tail === undefined ? [] : Array.from({ length: 8 - front.length - back.length }, () => "0");
  return concat(
    ...[...front, ...middle, ...back].map((group) => {
      const value = Number.parseInt(group, 16);
      return Uint8Array.of(value >> 8, value & 255);
    }),
  );
}

/** As browsers show it: SHA-256, in pairs of hexadecimal digits. */
export function fingerprintOf(certificate: Uint8Array): string {
  const hex = createHash("sha256").update(certificate).digest("hex").toUpperCase();
  return hex.match(/../g)?.join(":") ?? "";
}
