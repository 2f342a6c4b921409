/** What the kernel really does with a mapped device, in the words of `dmsetup table` (dm-crypt's documentation). */
import { luksCipher, luksHeaderBytes, luksSectorBytes } from "./luks2-header.ts";

const sectorBytes = 512;

/**
 * Whether the mapping encrypts just this device (`major:minor`) with our cipher from the end of the header on. A header
 * that was changed from outside could ask for a cipher that encrypts nothing, so what was asked for is not looked at.
 */
export function encryptsAsOurs(table: string, device: string): boolean {
  const lines = table.trim().split("\n");
  const [start, length, target, cipher, , ivOffset, on, offset, count, ...flags] = (lines[0] ?? "").split(" ");
  return (
    lines.length === 1 &&
    start === "0" &&
    Number(length) > 0 &&
    target === "crypt" &&
    cipher === luksCipher &&
    ivOffset === "0" &&
    on === device &&
    offset === String(luksHeaderBytes / sectorBytes) &&
    Number(count) === flags.length &&
    flags.includes(`sector_size:${luksSectorBytes}`) &&
    !flags.some((flag) => /^(?:integrity|allow_discards|iv_large_sectors)/.test(flag))
  );
}
