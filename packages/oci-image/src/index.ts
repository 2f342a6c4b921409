/** Container images made from nothing but bytes: the same files give the same digest on every machine. */
export { buildImage, type BuiltImage, type ImageConfig } from "./image.ts";
export { tarOf, type TarEntry } from "./tar.ts";
