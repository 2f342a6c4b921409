import type { Clock, DeviceEvent, NetworkView, Task } from "@piccolo/device-api";
import type { World } from "@piccolo/world";

/** Changes within this time go out as one event each. */
const gatherMs = 200;

export interface DeviceEventsOptions {
  readonly world: World;
  readonly publish: (event: DeviceEvent) => void;
  /** Asked when a change of the network is due to be told. */
  readonly network: () => NetworkView;
}

/** Gathers what the features report, so that a page is told what changed rather than each step of it. */
export class DeviceEvents {
  readonly #options: DeviceEventsOptions;
  readonly #folders = new Set<string>();
  readonly #uploads = new Map<string, { readonly offsetBytes: number; readonly sizeBytes: number }>();
  readonly #tasks = new Map<string, Task>();
  readonly #apps = new Set<string>();
  #placedNodes: Set<string> | "all" = new Set();
  #network = false;
  #security = false;
  #clock: Clock | undefined;
  #due = false;
  readonly #stopping = new AbortController();

  constructor(options: DeviceEventsOptions) {
    this.#options = options;
  }

  filesChanged(folders: readonly string[]): void {
    for (const folder of folders) this.#folders.add(folder);
    this.#later();
  }

  uploadMoved(id: string, offsetBytes: number, sizeBytes: number): void {
    this.#uploads.set(id, { offsetBytes, sizeBytes });
    this.#later();
  }

  uploadGone(id: string): void {
    this.#uploads.delete(id);
    this.#options.publish({ type: "upload-gone", id });
  }

  /** Of these files; of all when absent. */
  placementChanged(nodes?: readonly string[]): void {
    if (nodes === undefined) this.#placedNodes = "all";
    else if (this.#placedNodes !== "all") for (const node of nodes) this.#placedNodes.add(node);
    this.#later();
  }

  networkChanged(): void {
    this.#network = true;
    this.#later();
  }

  securityChanged(): void {
    this.#security = true;
    this.#later();
  }

  clockChanged(clock: Clock): void {
    this.#clock = clock;
    this.#later();
  }

  task(task: Task): void {
    this.#tasks.set(task.id, task);
    this.#later();
  }

  appChanged(id: string): void {
    this.#apps.add(id);
    this.#later();
  }

  stop(): void {
    this.#stopping.abort();
  }

  #later(): void {
    if (this.#due || this.#stopping.signal.aborted) return;
    this.#due = true;
    this.#options.world.sleep(gatherMs, this.#stopping.signal).then(
      () => this.#tell(),
      () => undefined,
    );
  }

  #tell(): void {
    this.#due = false;
    const { publish, network } = this.#options;
    for (const task of this.#tasks.values()) publish({ type: "task", task });
    this.#tasks.clear();
    for (const id of this.#apps) publish({ type: "app", id });
    this.#apps.clear();
    if (this.#folders.size > 0) publish({ type: "files", folders: [...this.#folders] });
    this.#folders.clear();
    for (const [id, { offsetBytes, sizeBytes }] of this.#uploads) {
      publish({ type: "upload", id, offsetBytes, sizeBytes });
    }
    this.#uploads.clear();
    if (this.#placedNodes === "all") publish({ type: "placement" });
    else if (this.#placedNodes.size > 0) publish({ type: "placement", nodes: [...this.#placedNodes] });
    this.#placedNodes = new Set();
    if (this.#clock !== undefined) publish({ type: "clock", clock: this.#clock });
    this.#clock = undefined;
    if (this.#security) publish({ type: "security" });
    this.#security = false;
    if (this.#network) publish({ type: "network", network: network() });
    this.#network = false;
  }
}
