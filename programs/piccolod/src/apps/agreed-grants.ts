/** What of the grants an owner agreed to still holds for another manifest. Pure. */
import type { AppManifest, Grant, GrantKind } from "@piccolo/app-manifest";
import type { Generation } from "./plan-types.ts";

/** Whether whatever the pattern stands for is among what the others stand for. */
function isWithin(pattern: string, others: readonly string[]): boolean {
  const isTree = pattern.endsWith("/*");
  const path = isTree ? pattern.slice(0, -2) : pattern;
  return others.some((other) => {
    if (!other.endsWith("/*")) return !isTree && other === path;
    const above = other.slice(0, -2);
    return path === above || path.startsWith(`${above}/`);
  });
}

/** Whether the grant is one the owner agreed to for this generation; more public paths than there were are none. */
export function isAgreed(grant: Grant, { grants, manifest }: Pick<Generation, "grants" | "manifest">): boolean {
  if (!grants.includes(grant.kind)) return false;
  if (grant.kind !== "public-paths") return true;
  const agreed = manifest.grants.flatMap((one) => (one.kind === "public-paths" ? one.paths : []));
  return grant.paths.every((path) => isWithin(path, agreed));
}

export function keptGrants(before: Generation, manifest: AppManifest): readonly GrantKind[] {
  return manifest.grants.filter((grant) => isAgreed(grant, before)).map(({ kind }) => kind);
}
