/**
 * Boot images and releases are removed together: an image without its release starts into nothing, and a release without an image only
 * takes room. What is decided here is pure; the order in which it is done is the one a power cut may end anywhere.
 */
import type { BootChoice, BootControl, BootImages } from "./boot-control.ts";
import type { Deployment, Deployments } from "./deployments.ts";

export interface CollectionQuestion {
  readonly choice: BootChoice;
  readonly deployments: readonly Deployment[];
  /** Numbers of releases that are being staged: their image is yet to come. */
  readonly staging: readonly string[];
  /** How many releases known to work are kept besides the running one. */
  readonly spare: number;
}

export interface Collection {
  /** Entries of the boot loader, in the order of their removal. */
  readonly images: readonly string[];
  readonly deployments: readonly string[];
}

const releaseOf = (entry: string): string => /^piccolo-(\d+)\.efi$/.exec(entry)?.[1] ?? "";

/** What goes. The running release, those chosen for a next start and those still being tried stay, whatever `spare` is. */
export function decideCollection({ choice, deployments, staging, spare }: CollectionQuestion): Collection {
  const whole = new Set(deployments.filter(({ state }) => state !== "partial").map(({ id }) => id));
  const kept = new Set<string>(staging);
  const running = choice.booted === undefined ? undefined : releaseOf(choice.booted);
  for (const entry of [choice.booted, choice.preferred, choice.next])
    if (entry !== undefined) kept.add(releaseOf(entry));
  for (const { id } of deployments.filter(({ state }) => state === "booted")) kept.add(id);
  const startable = choice.entries.filter(({ id }) => whole.has(releaseOf(id)));
  for (const { id, state } of startable) if (state === "trying") kept.add(releaseOf(id));
  const good = startable.filter(({ id, state }) => state === "good" && releaseOf(id) !== running);
  // With a boot loader that does not say what it started, nothing is known of the running one: one more is kept.
  for (const { id } of good.slice(0, running === undefined ? spare + 1 : spare)) kept.add(releaseOf(id));
  const startsIntoNothing = (id: string): boolean => !whole.has(releaseOf(id)) && releaseOf(id) !== running;
  return {
    images: choice.entries
      .map(({ id }) => id)
      .filter((id) => (startsIntoNothing(id) && !staging.includes(releaseOf(id))) || !kept.has(releaseOf(id))),
    deployments: deployments.map(({ id }) => id).filter((id) => !kept.has(id)),
  };
}

export interface CollectionParts {
  readonly boot: BootControl & BootImages;
  readonly deployments: Deployments;
}

/**
 * Removes what `decideCollection` says. Images go first: cut off after any step, each image that is left still has its release, and the
 * next collection takes the rest.
 */
export async function collectReleases(
  { boot, deployments }: CollectionParts,
  keep: Pick<CollectionQuestion, "staging" | "spare">,
): Promise<Collection> {
  const [choice, listed] = [await boot.choice(), await deployments.list()];
  const collection = decideCollection({ choice, deployments: listed, ...keep });
  for (const id of collection.images) await boot.remove(id);
  for (const id of collection.deployments) await deployments.undeploy(id);
  await deployments.collect();
  return collection;
}
