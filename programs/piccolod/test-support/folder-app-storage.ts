/** Apps' volumes as plain files in a folder: what the port promises, without file systems, mounts and accounts. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type AppStorage, appStorageFaults, type IdMove } from "../src/apps/runtime/app-storage.ts";

const fileOf = (volume: string): string => `${volume}.ext4`;

function move(from: string, to: string): void {
  if (existsSync(from) && !existsSync(to)) renameSync(from, to);
}

export class FolderAppStorage implements AppStorage {
  readonly runtimeFolder: string;
  readonly #folder: string;
  /** What `freeBytes` says. */
  free = 1e12;
  /** Thrown by the next copy. */
  snapshotFault: Error | undefined;
  /** Thrown by the next raise of a bound. */
  raiseFault: Error | undefined;
  /** Copies wait for it: a disk that hangs. */
  snapshotGate: (app: string) => Promise<void> = () => Promise.resolve();
  readonly moved: (IdMove & { readonly app: string })[] = [];
  /** By the path of a volume. */
  readonly #bounds = new Map<string, number>();
  readonly secrets = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
    this.runtimeFolder = join(folder, "runtime");
  }

  async open(): Promise<void> {
    mkdirSync(this.runtimeFolder, { recursive: true });
  }

  freeBytes(): number {
    return this.free;
  }

  flushRuntime(): Promise<void> {
    return Promise.resolve();
  }

  /** Where a test writes and reads what an app would. */
  volumeFolder(app: string, volume: string): string {
    return join(this.#folder, "volumes", app, fileOf(volume));
  }

  async makeVolume(app: string, volume: string, sizeBytesMax: number): Promise<void> {
    const path = this.volumeFolder(app, volume);
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path)) return;
    writeFileSync(path, "");
    this.#bounds.set(path, sizeBytesMax);
  }

  async raiseBound(app: string, volume: string, sizeBytesMax: number): Promise<void> {
    const path = this.volumeFolder(app, volume);
    if (!existsSync(path)) throw appStorageFaults.fault("app-storage-failed", "there is no such volume");
    const fault = this.raiseFault;
    this.raiseFault = undefined;
    if (fault !== undefined) throw fault;
    this.#bounds.set(path, Math.max(this.#bounds.get(path) ?? 0, sizeBytesMax));
  }

  async mountVolume(): Promise<void> {}

  async dropVolumes(app: string, volumes: readonly string[]): Promise<void> {
    for (const volume of volumes) rmSync(this.volumeFolder(app, volume), { force: true });
  }

  volumesOf(app: string): readonly string[] {
    const folder = join(this.#folder, "volumes", app);
    return existsSync(folder) ? readdirSync(folder).map((name) => name.slice(0, -5)) : [];
  }

  usedBytes(app: string): Readonly<Record<string, number>> {
    const bytes = (volume: string): number => readFileSync(this.volumeFolder(app, volume)).length;
    return Object.fromEntries(this.volumesOf(app).map((volume) => [volume, bytes(volume)]));
  }

  boundBytes(app: string): Readonly<Record<string, number>> {
    const bound = (volume: string): number => this.#bounds.get(this.volumeFolder(app, volume)) ?? 0;
    return Object.fromEntries(this.volumesOf(app).map((volume) => [volume, bound(volume)]));
  }

  promisedBytes(): Readonly<Record<string, number>> {
    const folder = join(this.#folder, "volumes");
    const promisedTo = (app: string): number =>
      Object.entries(this.boundBytes(app))
        .map(([volume, bytes]) => Math.max(0, bytes - (this.usedBytes(app)[volume] ?? 0)))
        .reduce((sum, bytes) => sum + bytes, 0);
    const apps = (existsSync(folder) ? readdirSync(folder) : []).filter((app) => this.volumesOf(app).length > 0);
    return Object.fromEntries(apps.map((app) => [app, promisedTo(app)]));
  }

  get snapshotFolder(): string {
    return join(this.#folder, "snapshots");
  }

  snapshots(): ReadonlyMap<string, "complete" | "partial"> {
    const names = existsSync(this.snapshotFolder) ? readdirSync(this.snapshotFolder) : [];
    return new Map(
      names.map((name) => (name.endsWith(".partial") ? [name.slice(0, -8), "partial"] : [name, "complete"])),
    );
  }

  snapshotBytes(id: string): Readonly<Record<string, number>> {
    const folder = join(this.snapshotFolder, id);
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return Object.fromEntries(names.map((name) => [name.slice(0, -5), readFileSync(join(folder, name)).length]));
  }

  async snapshot(id: string, app: string, volumes: readonly string[]): Promise<void> {
    await this.snapshotGate(app);
    const fault = this.snapshotFault;
    this.snapshotFault = undefined;
    if (fault !== undefined) throw fault;
    mkdirSync(join(this.snapshotFolder, id), { recursive: true });
    try {
      for (const volume of volumes) {
        copyFileSync(this.volumeFolder(app, volume), join(this.snapshotFolder, id, fileOf(volume)));
      }
    } catch (error) {
      await this.dropSnapshot(id);
      throw error;
    }
  }

  async restore(id: string, app: string, volumes: readonly string[]): Promise<void> {
    for (const volume of volumes) {
      mkdirSync(dirname(this.volumeFolder(app, volume)), { recursive: true });
      copyFileSync(join(this.snapshotFolder, id, fileOf(volume)), this.volumeFolder(app, volume));
    }
  }

  async moveOwners(app: string, _volumes: readonly string[], range: IdMove): Promise<void> {
    this.moved.push({ app, ...range });
  }

  async dropSnapshot(id: string): Promise<void> {
    for (const end of ["", ".partial"]) {
      rmSync(join(this.snapshotFolder, `${id}${end}`), { recursive: true, force: true });
    }
  }

  #trash(id: string): string {
    return join(this.#folder, "trash", id);
  }

  async intoTrash(trash: string, app: string, volumes: readonly string[]): Promise<void> {
    mkdirSync(this.#trash(trash), { recursive: true });
    for (const volume of volumes) move(this.volumeFolder(app, volume), join(this.#trash(trash), fileOf(volume)));
  }

  async outOfTrash(trash: string, app: string, volumes: readonly string[]): Promise<void> {
    for (const volume of volumes) {
      mkdirSync(dirname(this.volumeFolder(app, volume)), { recursive: true });
      move(join(this.#trash(trash), fileOf(volume)), this.volumeFolder(app, volume));
    }
    rmSync(this.#trash(trash), { recursive: true, force: true });
  }

  async purgeTrash(trash: string): Promise<void> {
    rmSync(this.#trash(trash), { recursive: true, force: true });
  }

  freed(): Promise<void> {
    return Promise.resolve();
  }

  secretFile(app: string, name: string): string {
    return join(this.#folder, "secrets", app, name);
  }

  writeSecret(app: string, name: string, value: string): void {
    this.secrets.set(`${app}/${name}`, value);
  }

  removeSecrets(): void {}

  async close(): Promise<void> {}
}
