/** What of the grants an owner agreed to still holds for another manifest, and for whom a page is. Pure. */
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

type Agreement = Pick<Generation, "grants" | "manifest" | "publicPaths">;

const pathsOf = ({ grants }: AppManifest): readonly string[] =>
  grants.flatMap((one) => (one.kind === "public-paths" ? one.paths : []));

/** The paths that everybody may see: those of the manifest, or the fewer that the owner agreed to. */
export function agreedPaths({ grants, manifest, publicPaths }: Agreement): readonly string[] {
  return grants.includes("public-paths") ? (publicPaths ?? pathsOf(manifest)) : [];
}

/** Whether the grant is one the owner agreed to for this generation; more public paths than there were are none. */
export function isAgreed(grant: Grant, generation: Agreement): boolean {
  if (!generation.grants.includes(grant.kind)) return false;
  return grant.kind !== "public-paths" || grant.paths.every((path) => isWithin(path, agreedPaths(generation)));
}

/**
 * What holds for another manifest: what was agreed to and what is agreed to now. Of public paths that are more than before, and
 * not agreed to now, those that were are kept, unless the app does not work without the others.
 */
export function grantsFor(
  before: Agreement,
  manifest: AppManifest,
  given: readonly GrantKind[],
): Pick<Generation, "grants" | "publicPaths"> {
  const kept = manifest.grants.filter((grant) => isAgreed(grant, before)).map(({ kind }) => kind);
  const grants = [...new Set([...kept, ...given])];
  if (grants.includes("public-paths")) return { grants };
  if (manifest.grants.some(({ kind, required }) => kind === "public-paths" && required)) return { grants };
  const [former, wanted] = [agreedPaths(before), pathsOf(manifest)];
  const publicPaths = [
    ...wanted.filter((path) => isWithin(path, former)),
    ...former.filter((path) => !wanted.includes(path) && isWithin(path, wanted)),
  ];
  return publicPaths.length === 0 ? { grants } : { grants: [...grants, "public-paths"], publicPaths };
}

/**
 * What holds for a version that comes back: what was agreed to for it, without what was taken back since. Whether something was
 * is told by the newest of those since, newest first, that asks for it at all; where none of them does nobody knows, and the owner
 * agrees to it anew. What the version does not work without stays.
 */
export function grantsStill(back: Agreement, since: readonly Agreement[]): Pick<Generation, "grants" | "publicPaths"> {
  const isRequired = (kind: GrantKind): boolean =>
    back.manifest.grants.some((one) => one.kind === kind && one.required);
  const isStillGiven = (kind: GrantKind): boolean =>
    since.find(({ manifest }) => manifest.grants.some((one) => one.kind === kind))?.grants.includes(kind) === true;
  const others = back.grants
    .filter((kind) => kind !== "public-paths")
    .filter((kind) => isRequired(kind) || isStillGiven(kind));
  const own = agreedPaths(back);
  const formerOf = (path: string): readonly string[] => {
    const asking = since.find(({ manifest }) =>
      pathsOf(manifest).some((other) => isWithin(path, [other]) || isWithin(other, [path])),
    );
    return asking === undefined ? [] : agreedPaths(asking);
  };
  const taken = isRequired("public-paths") ? [] : own.filter((path) => !isWithin(path, formerOf(path)));
  const fewer = taken.flatMap((path) => formerOf(path).filter((other) => isWithin(other, [path])));
  const paths = [...new Set([...own.filter((path) => !taken.includes(path)), ...fewer])];
  if (paths.length === 0) return { grants: others };
  const publicPaths = taken.length === 0 ? back.publicPaths : paths;
  return { grants: [...others, "public-paths"], ...(publicPaths === undefined ? {} : { publicPaths }) };
}
