/** What this machine gives apps to run on; constructing it touches nothing. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { World } from "@piccolo/world";
import { deviceNetworks } from "../apps/addresses.ts";
import type { AppAdapters } from "../apps/feature.ts";
import type { Config } from "../config.ts";
import type { VolumeBackend } from "../security/volume.ts";
import { FolderSnapshotFiles } from "./app-storage/folder-snapshot-files.ts";
import { SealedAppStorage } from "./app-storage/sealed-app-storage.ts";
import { bundledImages } from "./bundled-images.ts";
import { NftFirewall } from "./firewall/nft-firewall.ts";
import { httpProbe } from "./http-probe.ts";
import type { Log } from "./log.ts";
import { Podman } from "./podman/podman.ts";
import { OwnPodmanService, systemEndpoint } from "./podman/service.ts";

export interface AppAdapterParts {
  readonly config: Pick<Config, "podmanSocket" | "bundledImages">;
  /** The folder of the volume's content; names the device among others on the machine. */
  readonly content: string;
  readonly backend: VolumeBackend;
  readonly world: World;
  readonly log: Log;
}

export function openAppAdapters({ config, content, backend, world, log }: AppAdapterParts): AppAdapters {
  const hash = createHash("sha256").update(content).digest();
  const tag = hash.toString("hex").slice(0, 4);
  const storage = new SealedAppStorage({
    folder: join(content, "apps"),
    mountFolder: join("/run/piccolo", tag, "apps"),
    runtimeInImage: backend === "gocryptfs",
  });
  const endpoint =
    config.podmanSocket === undefined
      ? new OwnPodmanService({
          storage: storage.runtimeFolder,
          run: join("/run/piccolo", tag, "podman"),
          cgroupParent: `/piccolo-${tag}`,
          insecureRegistries: [],
          ready: () => storage.open(),
          world,
        })
      : systemEndpoint(config.podmanSocket);
  return {
    runtime: new Podman(endpoint, log),
    storage,
    files: new FolderSnapshotFiles(join(content, "apps", "snapshots")),
    firewall: new NftFirewall(config.podmanSocket === undefined ? `piccolo_${tag}` : "piccolo", log),
    bundled: bundledImages(config.bundledImages),
    probe: httpProbe,
    device: deviceNetworks(tag, hash.readUInt16BE(2)),
  };
}
