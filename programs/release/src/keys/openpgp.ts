/** Just enough of OpenPGP (RFC 4880) to name a key the way all other keys are named. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { ByteReader, fromHex, malformed, toBase64Url } from "@piccolo/bytes";

const publicKeyPacket = 6;
const rsa = 1;
const edDsa = 22;
/** 1.3.6.1.4.1.11591.15.1, as the packet has it behind its length. */
const ed25519Oid = fromHex("2b06010401da470f01");

function packetLength(reader: ByteReader, header: number): number {
  if ((header & 0x40) === 0) {
    const kind = header & 3;
    if (kind === 3) throw malformed("an OpenPGP packet has no length");
    return kind === 0 ? reader.u8() : kind === 1 ? reader.u16() : reader.u32();
  }
  const first = reader.u8();
  if (first < 192) return first;
  if (first < 224) return ((first - 192) << 8) + reader.u8() + 192;
  if (first === 255) return reader.u32();
  throw malformed("an OpenPGP key is split into parts");
}

function multiprecision(reader: ByteReader): Uint8Array {
  return reader.fixed((reader.u16() + 7) >> 3);
}

/** The primary key of an exported OpenPGP key. `malformed` for anything but a version 4 RSA or Ed25519 key. */
export function openPgpPublicKey(exported: Uint8Array): KeyObject {
  const outer = new ByteReader(exported);
  const header = outer.u8();
  const tag = (header & 0x40) === 0 ? (header >> 2) & 0xf : header & 0x3f;
  if ((header & 0x80) === 0 || tag !== publicKeyPacket) throw malformed("this is no OpenPGP public key");
  const reader = new ByteReader(outer.fixed(packetLength(outer, header)));
  if (reader.u8() !== 4) throw malformed("the OpenPGP key has not version 4");
  reader.u32();
  const algorithm = reader.u8();
  if (algorithm === rsa) {
    const [n, e] = [multiprecision(reader), multiprecision(reader)];
    reader.end();
    return createPublicKey({ key: { kty: "RSA", n: toBase64Url(n), e: toBase64Url(e) }, format: "jwk" });
  }
  if (algorithm !== edDsa) throw malformed("the OpenPGP key is neither RSA nor Ed25519");
  const oid = reader.fixed(reader.u8());
  if (Buffer.compare(oid, ed25519Oid) !== 0) throw malformed("the OpenPGP key is on another curve than Ed25519");
  const point = multiprecision(reader);
  reader.end();
  // 0x40 marks a point in the curve's own form.
  if (point.length !== 33 || point[0] !== 0x40) throw malformed("the OpenPGP key's point has not the Ed25519 form");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: toBase64Url(point.subarray(1)) }, format: "jwk" });
}
