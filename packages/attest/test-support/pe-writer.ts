/** A small, valid PE32+ program of given sections, as signing tools and firmware take it. */
import { concat, toUtf8 } from "@piccolo/bytes";

const fileAlignment = 0x200;
const memoryAlignment = 0x1000;

const up = (value: number, to: number): number => Math.ceil(value / to) * to;

export interface NewSection {
  readonly name: string;
  readonly content: Uint8Array;
  /** In memory, where it differs from the content. */
  readonly memoryBytes?: number;
}

export const stubMagic = (version: string): NewSection => ({
  name: ".sdmagic",
  content: toUtf8(`#### LoaderInfo: systemd-stub ${version} ####\0`),
});

export function writePe(sections: readonly NewSection[]): Uint8Array {
  const peAt = 0x80;
  const optionalBytes = 112 + 16 * 8;
  const tableAt = peAt + 24 + optionalBytes;
  const headersBytes = up(tableAt + sections.length * 40, fileAlignment);
  const header = new Uint8Array(headersBytes);
  const view = new DataView(header.buffer);
  view.setUint16(0, 0x5a4d, true);
  view.setUint32(0x3c, peAt, true);
  view.setUint32(peAt, 0x4550, true);
  view.setUint16(peAt + 4, 0x8664, true);
  view.setUint16(peAt + 6, sections.length, true);
  view.setUint16(peAt + 20, optionalBytes, true);
  view.setUint16(peAt + 22, 0x0206, true);
  const optionalAt = peAt + 24;
  view.setUint16(optionalAt, 0x20b, true);
  view.setUint32(optionalAt + 16, memoryAlignment, true);
  view.setUint32(optionalAt + 32, memoryAlignment, true);
  view.setUint32(optionalAt + 36, fileAlignment, true);
  view.setUint32(optionalAt + 60, headersBytes, true);
  view.setUint16(optionalAt + 68, 10, true);
  view.setUint32(optionalAt + 108, 16, true);
  let [memoryAt, fileAt] = [memoryAlignment, headersBytes];
  const contents = sections.map(({ name, content, memoryBytes = content.length }, index) => {
    const at = tableAt + index * 40;
    const fileBytes = up(content.length, fileAlignment);
    header.set(toUtf8(name).subarray(0, 8), at);
    view.setUint32(at + 8, memoryBytes, true);
    view.setUint32(at + 12, memoryAt, true);
    view.setUint32(at + 16, fileBytes, true);
    view.setUint32(at + 20, fileBytes === 0 ? 0 : fileAt, true);
    view.setUint32(at + 36, 0x4000_0040, true);
    memoryAt += up(Math.max(memoryBytes, 1), memoryAlignment);
    fileAt += fileBytes;
    return concat(content, new Uint8Array(fileBytes - content.length));
  });
  view.setUint32(optionalAt + 56, memoryAt, true);
  return concat(header, ...contents);
}
