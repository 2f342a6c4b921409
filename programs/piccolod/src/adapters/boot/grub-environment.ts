/** GRUB's environment block (GNU GRUB manual, "Environment block"): 1024 bytes, a header, lines `name=value`, and `#` up to the end. */
import { fromUtf8, malformed, toUtf8 } from "@piccolo/bytes";

export const environmentBytes = 1_024;
const header = "# GRUB Environment Block\n";

/** `malformed` for another size or header, and for lines that are no variables. GRUB escapes a newline and a backslash by a backslash. */
export function decodeGrubEnvironment(block: Uint8Array): ReadonlyMap<string, string> {
  if (block.length !== environmentBytes) throw malformed(`GRUB's environment has ${block.length} bytes, not 1024`);
  const text = fromUtf8(block);
  if (!text.startsWith(header)) throw malformed("GRUB's environment does not begin with its header");
  const variables = new Map<string, string>();
  let rest = text.slice(header.length).replace(/#*$/, "");
  while (rest.length > 0) {
    // Other programs write comments, one a line.
    const comment = /^#[^\n]*\n/.exec(rest)?.[0];
    const line = comment ?? /^(?:[^\\\n]|\\[\s\S])*\n/.exec(rest)?.[0];
    if (line === undefined) throw malformed("GRUB's environment ends within a line");
    rest = rest.slice(line.length);
    if (comment !== undefined) continue;
    const [, name = "", value = ""] = /^([A-Za-z_]\w*)=([\s\S]*)\n$/.exec(line) ?? [];
    if (name === "" || variables.has(name))
      throw malformed("GRUB's environment has a line that is no variable of its own");
    variables.set(name, value.replaceAll(/\\([\s\S])/g, "$1"));
  }
  return variables;
}

/** `malformed` where the variables do not fit into the block. */
export function encodeGrubEnvironment(variables: ReadonlyMap<string, string>): Uint8Array {
  const lines = [...variables].map(([name, value]) => `${name}=${value.replaceAll(/[\\\n]/g, "\\$&")}\n`);
  const content = toUtf8(header + lines.join(""));
  if (content.length > environmentBytes) throw malformed("GRUB's environment has no room for these variables");
  const block = new Uint8Array(environmentBytes).fill(0x23);
  block.set(content);
  return block;
}
