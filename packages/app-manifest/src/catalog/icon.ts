/**
 * Which pictures a catalog may bring. The portal shows them as images, where nothing in them runs; a strict list of
 * elements and attributes keeps it so wherever else one may be shown.
 */
export const iconBytesMax = 8192;

const elements = new Set([
  "svg",
  "g",
  "path",
  "circle",
  "ellipse",
  "rect",
  "line",
  "polyline",
  "polygon",
  "title",
  "defs",
  "linearGradient",
  "radialGradient",
  "stop",
]);
const attributes = new Set([
  "xmlns",
  "viewBox",
  "width",
  "height",
  "d",
  "cx",
  "cy",
  "r",
  "rx",
  "ry",
  "x",
  "y",
  "x1",
  "y1",
  "x2",
  "y2",
  "points",
  "fill",
  "fill-rule",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-linecap",
  "stroke-linejoin",
  "opacity",
  "transform",
  "id",
  "offset",
  "stop-color",
  "gradientUnits",
]);

/** Elements and attributes of the lists, values without addresses but those of its own gradients. */
export function isHarmlessIcon(icon: string): boolean {
  if (/[^\P{Cc}\n\t]|<[!?]|&/u.test(icon) || !icon.startsWith("<svg ")) return false;
  const tags = [...icon.matchAll(/<[^<>]*>/g)].map(([tag]) => tag);
  // What is outside of tags is text of a title; a stray bracket would be read differently by different readers.
  if (/[<>]/.test(icon.replaceAll(/<[^<>]*>/g, ""))) return false;
  return tags.every((tag) => {
    const closing = /^<\/([A-Za-z]+)>$/.exec(tag)?.[1];
    if (closing !== undefined) return elements.has(closing);
    const match = /^<([A-Za-z]+)((?:\s+[A-Za-z0-9-]+="[^"<>]*")*)\s*\/?>$/.exec(tag);
    if (match === null || !elements.has(match[1] ?? "")) return false;
    return [...(match[2] ?? "").matchAll(/([A-Za-z0-9-]+)="([^"]*)"/g)].every(
      ([, name = "", value = ""]) =>
        attributes.has(name) &&
        (name === "xmlns"
          ? value === "http://www.w3.org/2000/svg"
          : !/:/.test(value) && (!/\burl\b/i.test(value) || /^url\(#[a-z0-9-]+\)$/.test(value))),
    );
  });
}
