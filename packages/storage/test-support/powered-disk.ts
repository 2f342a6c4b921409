import { type Disk, diskFaults } from "../src/ports/index.ts";
import type { CrashDisk, Unsynced } from "../src/fakes/index.ts";

/**
 * The disk as one start of a program sees it: after the cut every operation fails and changes nothing, so that whatever
 * the dead program's code would still do does not reach the disk the next start finds.
 */
export class PoweredDisk implements Disk {
  readonly #disk: CrashDisk;
  #isOn = true;
  #operations = 0;
  /** Cut in operation `at / 2`: before it begins, or, for an odd number, once it has begun. */
  #cut: { readonly at: number; readonly survives: (what: Unsynced) => boolean } | undefined;

  constructor(disk: CrashDisk) {
    this.#disk = disk;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  cut(survives: (what: Unsynced) => boolean = () => false): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#disk.crash(survives);
  }

  /** The power is back: the next start may use the same adapter. */
  restore(): void {
    this.#isOn = true;
    this.#cut = undefined;
  }

  cutAt(at: number, survives: (what: Unsynced) => boolean): void {
    this.#cut = { at: at + 2 * this.#operations, survives };
  }

  async #run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#cut?.at === 2 * this.#operations) this.cut(this.#cut.survives);
    if (!this.#isOn) throw diskFaults.fault("disk-error", "the power is off");
    const running = operation();
    if (this.#cut?.at === 2 * this.#operations + 1) this.cut(this.#cut.survives);
    this.#operations++;
    const result = await running;
    if (!this.#isOn) throw diskFaults.fault("disk-error", "the power is off");
    return result;
  }

  createFile(path: string, content: readonly Uint8Array[]): Promise<void> {
    return this.#run(() => this.#disk.createFile(path, content));
  }
  read(path: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#run(() => this.#disk.read(path, offset, length));
  }
  sizeBytes(path: string): Promise<number> {
    return this.#run(() => this.#disk.sizeBytes(path));
  }
  rename(from: string, to: string): Promise<void> {
    return this.#run(() => this.#disk.rename(from, to));
  }
  remove(path: string): Promise<void> {
    return this.#run(() => this.#disk.remove(path));
  }
  makeFolder(path: string): Promise<void> {
    return this.#run(() => this.#disk.makeFolder(path));
  }
  list(path: string): Promise<readonly string[]> {
    return this.#run(() => this.#disk.list(path));
  }
  syncFolder(path: string): Promise<void> {
    return this.#run(() => this.#disk.syncFolder(path));
  }
  freeBytes(): Promise<number> {
    return this.#run(() => this.#disk.freeBytes());
  }
}
