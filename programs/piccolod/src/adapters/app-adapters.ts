/** What this machine gives apps to run on; constructing it touches nothing. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "@piccolo/world";
import { deviceNetworks } from "../apps/addresses.ts";
import type { AppAdapters } from "../apps/feature.ts";
import type { Config } from "../config.ts";
import type { AppCrashPoint } from "../crash-points.ts";
import type { Room } from "../room/room.ts";
import type { VolumeBackend } from "../security/volume.ts";
import { endApps, ownerFileName, tracesOf } from "./app-leftovers.ts";
import { FolderSnapshotFiles } from "./app-storage/folder-snapshot-files.ts";
import { SealedAppStorage } from "./app-storage/sealed-app-storage.ts";
import { bundledImages } from "./bundled-images.ts";
import { NftFirewall } from "./firewall/nft-firewall.ts";
import { httpProbe } from "./http-probe.ts";
import type { Log } from "./log.ts";
import { Podman } from "./podman/podman.ts";
import { OwnPodmanService } from "./podman/service.ts";
import { SystemPodmanService } from "./podman/system-service.ts";
import { StrayNetworks } from "./podman/stray-networks.ts";
import { ownView, systemView } from "./app-storage/run-program.ts";
import { ContainerFiles } from "./podman/container-files.ts";
import { WritableRoots } from "./podman/writable-roots.ts";

export interface AppAdapterParts {
  readonly config: Pick<Config, "podman" | "insecureRegistries" | "bundledImages">;
  /** The folder of the volume's content; names the device among others on the machine. */
  readonly content: string;
  readonly backend: VolumeBackend;
  readonly room: Pick<Room, "freeBytes" | "keep">;
  readonly world: World;
  readonly log: Log;
  readonly crashPoint: (name: AppCrashPoint) => void;
}

export function openAppAdapters({
  config,
  content,
  backend,
  room,
  world,
  log,
  crashPoint,
}: AppAdapterParts): AppAdapters {
  const hash = createHash("sha256").update(content).digest();
  const tag = hash.toString("hex").slice(0, 4);
  const traces = tracesOf(tag);
  const { podman, insecureRegistries } = config;
  const isOwnService = podman === undefined;
  const storage = new SealedAppStorage({
    folder: join(content, "apps"),
    mountFolder: join(traces.runFolder, "apps"),
    runtimeInImage: backend === "gocryptfs",
    ...(isOwnService
      ? {
          endUsers: () => endApps(traces),
          opened: () => writeFileSync(join(traces.runFolder, ownerFileName), content, { mode: 0o600 }),
        }
      : {}),
    frozen: () => crashPoint("volume-frozen"),
    ofSystem: !isOwnService,
    room,
  });
  const folders = { storage: storage.runtimeFolder, run: join(traces.runFolder, "podman") };
  const ready = (): Promise<void> => storage.open();
  const endpoint = isOwnService
    ? new OwnPodmanService({ ...folders, cgroupParent: traces.cgroupParent, insecureRegistries, ready, world })
    : new SystemPodmanService({ ...folders, ...podman, ready, world });
  const roots = new WritableRoots({
    folder: join(content, "apps/roots"),
    layers: join(storage.runtimeFolder, "graph/overlay"),
    ofSystem: !isOwnService,
  });
  return {
    runtime: new Podman({
      endpoint,
      roots,
      files: new ContainerFiles(join(storage.runtimeFolder, "../container-files")),
      strays: new StrayNetworks({ view: isOwnService ? ownView : systemView, log }),
      log,
    }),
    storage,
    files: new FolderSnapshotFiles(join(content, "apps", "snapshots")),
    firewall: new NftFirewall(isOwnService ? traces.firewallTable : "piccolo_apps", log),
    bundled: bundledImages(config.bundledImages),
    probe: httpProbe,
    device: deviceNetworks(tag, hash.readUInt16BE(2)),
  };
}
