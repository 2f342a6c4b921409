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

/** The bytes of a listing: on each line the code, then what it is. */
const assemble = (listing: string): number[] => [
  ...Buffer.from([...listing.matchAll(/^ *([0-9a-f]+) /gm)].map(([, code]) => code).join(""), "hex"),
];

const word = (value: number): number[] => [value & 0xff, value >> 8];

/** 16-bit code of an 8086, and the text behind it. */
export function biosBootCode(text = biosMessage): Uint8Array<ArrayBuffer> {
  const begin = assemble(`
    fa      cli
    31c0    xor ax, ax
    8ed8    mov ds, ax
    8ed0    mov ss, ax
    bc007c  mov sp, 0x7c00
    fb      sti
    fc      cld
  `);
  const take = assemble(`
    ac      next: lodsb
    84c0    test al, al
  `);
  // A character on the screen; then on the first serial line, which is looked at as often as cx counts, until it takes one.
  const show = assemble(`
    50      push ax
    56      push si
    b40e    mov ah, 0x0e
    bb0700  mov bx, 7
    cd10    int 0x10
    31c9    xor cx, cx
    bafd03  mov dx, 0x3fd
    ec      again: in al, dx
    a820    test al, 0x20
    e1fb    loopz again
    5e      pop si
    58      pop ax
    baf803  mov dx, 0x3f8
    ee      out dx, al
  `);
  const stop = assemble(`
    f4      stop: hlt
    ebfd    jmp stop
  `);
  const jumpBytes = 2;
  const loopBytes = take.length + jumpBytes + show.length + jumpBytes;
  const pointBytes = 3;
  const textAt = loadedAt + begin.length + pointBytes + loopBytes + stop.length;
  // mov si, text; then the loop, with jz stop and jmp next.
  const point = [0xbe, ...word(textAt)];
  const loop = [...take, 0x74, show.length + jumpBytes, ...show, 0xeb, -loopBytes & 0xff];
  const code = Uint8Array.from([...begin, ...point, ...loop, ...stop, ...Buffer.from(`${text}\r\n\0`, "ascii")]);
  if (code.length > bootCodeBytes) {
    throw new Error(`a message of ${text.length} characters does not fit before the partition table`);
  }
  const whole = new Uint8Array(bootCodeBytes);
  whole.set(code);
  return whole;
}
