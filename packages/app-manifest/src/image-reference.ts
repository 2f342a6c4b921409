import { shown, type Problems } from "./problems.ts";
import type { Place } from "./problems.ts";
import type { ImageReference } from "./types.ts";

const host =
  /^(?:localhost|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+|[a-z0-9-]+(?=:))(?::[0-9]{1,5})?$/i;
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+|\/)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

export interface NamedImage {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  /** As written, whatever its form. */
  readonly digest: string | undefined;
}

/** The parts of an image's name by the rules of the distribution reference; undefined when it is none. */
export function parseImageName(name: string): NamedImage | undefined {
  if (name.length > 512) return undefined;
  const [beforeDigest = "", ...digests] = name.split("@");
  if (digests.length > 1) return undefined;
  const slash = beforeDigest.indexOf("/");
  const first = slash < 0 ? "" : beforeDigest.slice(0, slash);
  const hasRegistry = host.test(first) && (first.includes(".") || first.includes(":") || first === "localhost");
  const rest = hasRegistry ? beforeDigest.slice(slash + 1) : beforeDigest;
  const colon = rest.lastIndexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (!repositoryPattern.test(path) || path.length > 255 || (tag !== undefined && !tagPattern.test(tag))) {
    return undefined;
  }
  const registry = hasRegistry ? first.toLowerCase() : "docker.io";
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  return { registry, repository, tag, digest: digests[0] };
}

/** An image by its digest, or undefined with the problem noted. */
export function checkImage(name: string, path: string, place: Place, problems: Problems): ImageReference | undefined {
  const image = parseImageName(name);
  if (image === undefined) {
    problems.add(
      "wrong-value",
      path,
      place,
      `${shown(name)} is not the name of an image.`,
      "Write registry/repository:tag@sha256:digest.",
    );
    return undefined;
  }
  const { digest, ...named } = image;
  if (digest === undefined) {
    problems.add(
      "image-not-by-digest",
      path,
      place,
      `${shown(name)} names no digest, so what it stands for can change.`,
      "Add @sha256: and the digest of the image's manifest or index.",
    );
    return undefined;
  }
  // A digest of zeros or of one repeated digit is a placeholder somebody forgot.
  if (!digestPattern.test(digest) || /^sha256:(.)\1{63}$/.test(digest)) {
    problems.add(
      "digest-unknown",
      path,
      place,
      `${shown(digest)} is not a digest this device can check.`,
      "Write sha256: and the 64 hexadecimal digits of the image.",
    );
    return undefined;
  }
  return { ...named, digest };
}

/** The full name, by which an image is pulled: with the digest, without the tag. */
export function imageName({ registry, repository, digest }: ImageReference): string {
  return `${registry}/${repository}@${digest}`;
}
