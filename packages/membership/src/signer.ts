import { type ByteReader, type ByteWriter, malformed } from "@piccolo/bytes";
import { ed25519SignatureBytes } from "@piccolo/envelope";

/** More signatures than rules can ever ask for are refused, so that sizes stay bounded. */
export const signaturesMax = 8;

/** A member's signature; what it covers is said where it stands. */
export interface MemberSignature {
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** The list with one more signature, in the order of the accounts; an earlier one by the same account is replaced. */
export function withSignature(
  signatures: readonly MemberSignature[],
  added: MemberSignature,
): readonly MemberSignature[] {
  return [...signatures.filter((other) => compareBytes(other.account, added.account) !== 0), added].sort((a, b) =>
    compareBytes(a.account, b.account),
  );
}

export function writeSignatures(writer: ByteWriter, signatures: readonly MemberSignature[]): void {
  writer.u8(signatures.length);
  for (const { account, signature } of signatures) writer.fixed(account, 32).fixed(signature, ed25519SignatureBytes);
}

/** One to `signaturesMax` signatures, accounts strictly ascending, so that a set has one encoding. */
export function readSignatures(reader: ByteReader): readonly MemberSignature[] {
  const count = reader.u8();
  if (count < 1 || count > signaturesMax) throw malformed(`${count} signatures where 1 to ${signaturesMax} belong`);
  const signatures: MemberSignature[] = [];
  for (let index = 0; index < count; index++) {
    const account = reader.fixed(32);
    const before = signatures.at(-1);
    if (before !== undefined && compareBytes(before.account, account) >= 0) {
      throw malformed("the signatures are not in the order of their accounts");
    }
    signatures.push({ account, signature: reader.fixed(ed25519SignatureBytes) });
  }
  return signatures;
}
