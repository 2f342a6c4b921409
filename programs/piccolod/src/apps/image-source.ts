import type { ImageReference } from "@piccolo/app-manifest";
import type { ContainerRuntime, StoredImage, TransferOptions } from "./runtime/container-runtime.ts";

/** Images that came with the device, as OCI archives. */
export interface BundledImages {
  has(digest: string): boolean;
  /** Undefined where there is none of that digest. */
  open(digest: string): { readonly sizeBytes: number; readonly content: AsyncIterable<Uint8Array> } | undefined;
}

/** Brings an image, from the device itself or from its registry. */
export async function obtainImage(
  runtime: ContainerRuntime,
  bundled: BundledImages,
  image: ImageReference,
  { signal, progress }: TransferOptions,
): Promise<StoredImage> {
  const archive = bundled.open(image.digest);
  const options: TransferOptions = {
    ...(signal === undefined ? {} : { signal }),
    progress: (doneBytes, totalBytes) => progress?.(doneBytes, archive?.sizeBytes ?? totalBytes),
  };
  return archive === undefined
    ? runtime.pullImage(image, options)
    : runtime.loadImage(image.digest, archive.content, options);
}
