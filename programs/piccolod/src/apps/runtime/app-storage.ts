/**
 * The port to where apps keep what lasts: images, volumes of bounded size, and secrets as files. All of it lies on the
 * sealed volume. The adapter is `adapters/app-storage`.
 */
import { catalogue } from "@piccolo/fault";

export const appStorageFaults = catalogue({
  "app-storage-failed": {
    retry: "later",
    meaning: "The room for apps could not be made ready; the device's log has the reason.",
  },
});

export interface VolumeRequest {
  readonly app: string;
  readonly volume: string;
  /** The app can write no more than this, whatever it does. */
  readonly sizeBytesMax: number;
  /** Whose the empty volume is, as an id of the host. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

export interface AppStorage {
  /** Where the container runtime keeps images and containers; there once `open` has returned. */
  readonly runtimeFolder: string;
  /** Makes the place ready; again is harmless. Throws `app-storage-failed`, `disk-full`. */
  open(): Promise<void>;
  freeBytes(): number;
  /** Makes the volume where it is missing, and has it mounted. Returns its folder on the host. */
  mountVolume(request: VolumeRequest): Promise<string>;
  /** Of an app that does not run. */
  unmountVolumes(app: string): Promise<void>;
  removeVolumes(app: string): Promise<void>;
  volumesOf(app: string): readonly string[];
  /** What each volume takes of the disk. */
  usedBytes(app: string): Readonly<Record<string, number>>;
  /** A file only the owner's id may read; what was there is replaced. Returns its path on the host. */
  writeSecret(app: string, name: string, value: string, owner: { readonly uid: number; readonly gid: number }): string;
  removeSecrets(app: string): void;
  /** Nothing of it is mounted any more. */
  close(): Promise<void>;
}
