/**
 * The first bytes of a disk: what a firmware runs that starts machines in the old way (BIOS), which starts nothing of ours.
 * They tell whoever sits before the screen, and a serial line, what to change, and stop.
 */

/** A partition table begins behind these (UEFI Specification 2.10, 5.2.1). */
export const bootCodeBytes = 440;
/** Where firmware puts the first sector, and jumps to. */
const loadedAt = 0x7c00;

export const biosMessage = [
  "Piccolo-OS does not start in the old way (BIOS, Legacy, CSM).",
  "Open the set-up of this machine's firmware (often F2, F10 or Del right after",
  "power-on), choose UEFI there, switch Legacy or CSM off, and start again.",
].join("\r\n");

/** 16-bit code of an 8086, and the text behind it. */
export function biosBootCode(text = biosMessage): Uint8Array<ArrayBuffer> {
  const begin = [
    ...[0xfa], // cli
    ...[0x31, 0xc0], // xor ax, ax
    ...[0x8e, 0xd8], // mov ds, ax
    ...[0x8e, 0xd0], // mov ss, ax
    ...[0xbc, loadedAt & 0xff, loadedAt >> 8], // mov sp, loadedAt
    ...[0xfb, 0xfc], // sti; cld
  ];
  const show = [
    ...[0x50, 0x56], // push ax; push si
    ...[0xb4, 0x0e], // mov ah, 0x0e
    ...[0xbb, 0x07, 0x00], // mov bx, 7
    ...[0xcd, 0x10], // int 0x10: a character on the screen
    ...[0x31, 0xc9], // xor cx, cx: as many looks as there are, where the line takes nothing
    ...[0xba, 0xfd, 0x03], // mov dx, 0x3fd: the state of the first serial line
    ...[0xec], // again: in al, dx
    ...[0xa8, 0x20], // test al, 0x20
    ...[0xe1, 0xfb], // loopz again
    ...[0x5e, 0x58], // pop si; pop ax
    ...[0xba, 0xf8, 0x03], // mov dx, 0x3f8
    ...[0xee], // out dx, al
  ];
  const take = [0xac, 0x84, 0xc0]; // next: lodsb; test al, al
  const repeat = 2;
  const stop = [0xf4, 0xeb, 0xfd]; // stop: hlt; jmp stop
  const textAt = loadedAt + begin.length + 3 + take.length + 2 + show.length + repeat + stop.length;
  const code = Uint8Array.from([
    ...begin,
    ...[0xbe, textAt & 0xff, textAt >> 8], // mov si, text
    ...take,
    ...[0x74, show.length + repeat], // jz stop
    ...show,
    ...[0xeb, -(take.length + 2 + show.length + repeat) & 0xff], // jmp next
    ...stop,
    ...Buffer.from(`${text}\r\n\0`, "ascii"),
  ]);
  if (code.length > bootCodeBytes)
    throw new Error(`a message of ${text.length} characters does not fit before the partition table`);
  const whole = new Uint8Array(bootCodeBytes);
  whole.set(code);
  return whole;
}
