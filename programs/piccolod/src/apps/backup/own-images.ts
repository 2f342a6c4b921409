/** Images of the system's own apps, which it makes itself and no registry has: each release brings those it was made with. */
import type { AppManifest, ImageReference } from "@piccolo/app-manifest";
import type { BundledImages } from "../image-source.ts";

/** Whether nobody but a device itself has images of that address. */
export function isLocal({ registry }: Pick<ImageReference, "registry">): boolean {
  return /^(?:localhost|127\.|\[::1\])/.test(registry);
}

/**
 * What an app runs here that was backed up under another release: of an image that this release has not, the one it has of the same app
 * and service (`offered`, undefined where the app is none of its own). Everything else stays as it was backed up.
 */
export function withOwnImages(
  manifest: AppManifest,
  offered: AppManifest | undefined,
  bundled: Pick<BundledImages, "has">,
): AppManifest {
  if (offered?.id !== manifest.id) return manifest;
  const imageHere = (image: ImageReference, service: string): ImageReference => {
    if (!isLocal(image) || bundled.has(image.digest)) return image;
    const here = offered.services.find(
      ({ name, image: other }) =>
        name === service &&
        other.registry === image.registry &&
        other.repository === image.repository &&
        bundled.has(other.digest),
    );
    return here?.image ?? image;
  };
  return {
    ...manifest,
    services: manifest.services.map((service) => ({ ...service, image: imageHere(service.image, service.name) })),
  };
}
