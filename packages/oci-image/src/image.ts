import { createHash } from "node:crypto";
import { toUtf8 } from "@piccolo/bytes";
import { tarOf, type TarEntry } from "./tar.ts";

/** What a container of the image runs; the fields of the OCI image configuration, in its own words. */
export interface ImageConfig {
  readonly architecture: "amd64" | "arm64";
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingFolder?: string;
  /** `uid:gid`; root of the container where absent. */
  readonly user?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface BuiltImage {
  /** Of the manifest: what an app refers to the image by. */
  readonly digest: string;
  /** Of the image alone, for a registry. */
  readonly manifest: Uint8Array<ArrayBuffer>;
  readonly blobs: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** An OCI image layout as one archive. */
  readonly archive: Uint8Array<ArrayBuffer>;
}

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const json = (value: unknown): Uint8Array<ArrayBuffer> => toUtf8(JSON.stringify(value));

/** One layer, uncompressed: compressors differ between machines, and the digest must not. */
export function buildImage(name: string, config: ImageConfig, entries: readonly TarEntry[]): BuiltImage {
  const layer = tarOf(entries);
  const layerDigest = digestOf(layer);
  const configBytes = json({
    architecture: config.architecture,
    os: "linux",
    config: {
      ...(config.user === undefined ? {} : { User: config.user }),
      Env: Object.entries(config.environment ?? {}).map(([key, value]) => `${key}=${value}`),
      ...(config.entrypoint === undefined ? {} : { Entrypoint: config.entrypoint }),
      ...(config.command === undefined ? {} : { Cmd: config.command }),
      WorkingDir: config.workingFolder ?? "/",
      Labels: config.labels ?? {},
    },
    rootfs: { type: "layers", diff_ids: [layerDigest] },
    history: [{ created_by: "piccolo" }],
  });
  const configDigest = digestOf(configBytes);
  const manifest = json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: configDigest,
      size: configBytes.length,
    },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layerDigest, size: layer.length }],
  });
  const digest = digestOf(manifest);
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest,
        size: manifest.length,
        annotations: { "org.opencontainers.image.ref.name": name },
      },
    ],
  });
  const blobs = new Map([
    [layerDigest, layer],
    [configDigest, configBytes],
    [digest, manifest],
  ]);
  const file = (path: string, content: Uint8Array): TarEntry => ({ kind: "file", path, mode: 0o644, content });
  const folder = (path: string): TarEntry => ({ kind: "folder", path, mode: 0o755 });
  const archive = tarOf([
    file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
    file("index.json", index),
    folder("blobs"),
    folder("blobs/sha256"),
    ...[...blobs].map(([key, content]) => file(`blobs/sha256/${key.slice("sha256:".length)}`, content)),
  ]);
  return { digest, manifest, blobs, archive };
}
