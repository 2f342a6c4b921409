import { type AppManifest, checkManifest } from "@piccolo/app-manifest";
import { appFaults } from "./types.ts";

/** Throws `manifest-refused` with all that is wrong in its details. */
export function parseManifest(text: string): AppManifest {
  const { manifest, problems } = checkManifest(text);
  if (manifest !== undefined) return manifest;
  const [first] = problems;
  const where = first?.place === undefined ? "" : ` (line ${first.place.line})`;
  throw appFaults.fault("manifest-refused", `${first?.reason ?? "The manifest cannot be used."}${where}`, {
    details: { problems: problems.map(({ place, ...problem }) => ({ ...problem, ...place })) },
  });
}
