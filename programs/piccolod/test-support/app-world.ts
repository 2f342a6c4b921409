/**
 * A world of one app in memory: containers, volumes, snapshots, trash and proxy, which takes a plan's steps and asserts at
 * each that nothing forbidden happens. Data is a set of writes and the version that last touched it, so that a lost
 * write, a torn volume, or an old version on newer data shows.
 */
import assert from "node:assert/strict";
import { checkManifest, imageName, type AppManifest } from "@piccolo/app-manifest";
import { addressOf, deviceNetworks, networkOf } from "../src/apps/addresses.ts";
import { isSatisfied, runsBeside } from "../src/apps/generations.ts";
import type {
  AppPlanRecord,
  Generation,
  Health,
  Known,
  Observed,
  ObservedContainer,
  Plan,
  RecordEvent,
  Route,
  Step,
  TrashRecord,
} from "../src/apps/plan-types.ts";
import { recordAfter, recordAfterFailure, type StepFailure, trashOf } from "../src/apps/record.ts";
import { type BackedUpForm, requestForgetCopy } from "../src/apps/requests.ts";

export interface ManifestWish {
  readonly version: number;
  readonly sideBySide?: boolean;
  /** By volume, how it is snapshotted. */
  readonly volumes?: Readonly<Record<string, "stop" | "pause" | "live">>;
}

/** Two services, the second waiting for the first, on the given volumes. */
export function manifestOf({ version, sideBySide = false, volumes = {} }: ManifestWish): AppManifest {
  const digest = `sha256:${String(version).padStart(64, "0123456789abcdef".repeat(4))}`;
  const names = Object.keys(volumes);
  const mounts = `volumes: [${names.map((name) => `${name}:/data/${name}`).join(", ")}]`;
  const text = `services:
  db:
    image: example.org/db@${digest}
    healthcheck: { test: "true" }
    ${mounts}
  web:
    image: example.org/web@${digest}
    depends_on: { db: { condition: service_healthy } }
    ${mounts}
volumes: { ${names.map((name) => `${name}: {}`).join(", ")} }
x-piccolo:
  id: shelf
  version: "${version}"
  name: Shelf
  summary: Books
  web: { service: web, port: 80 }
  volumes: { ${Object.entries(volumes)
    .map(([name, snapshot]) => `${name}: { snapshot: ${snapshot} }`)
    .join(", ")} }
  update: { side-by-side: ${sideBySide} }
`;
  const { manifest, problems } = checkManifest(text);
  assert.ok(manifest, JSON.stringify(problems));
  return manifest;
}

export interface Content {
  readonly writes: ReadonlySet<number>;
  /** The highest version that ran on it. */
  readonly version: number;
  readonly torn: boolean;
}
const emptyContent: Content = { writes: new Set(), version: 0, torn: false };
const tornContent: Content = { writes: new Set(), version: 0, torn: true };

const network = networkOf(deviceNetworks("test", 0), 0, "inner");

interface Snapshot {
  readonly state: "complete" | "partial";
  readonly contents: ReadonlyMap<string, Content>;
}

export type Outcome = "done" | "half" | StepFailure;

export class AppWorld {
  record: AppPlanRecord | undefined;
  trash: TrashRecord | undefined;
  nowMs = 1_000_000;
  readonly containers = new Map<string, { -readonly [K in keyof ObservedContainer]: ObservedContainer[K] }>();
  readonly images = new Set<string>();
  readonly volumes = new Map<string, Content>();
  readonly snapshots = new Map<string, Snapshot>();
  readonly trashed = new Map<string, Content>();
  /** Backups in the storage network. */
  readonly stored = new Map<
    string,
    { readonly generation: Generation; readonly contents: ReadonlyMap<string, Content> }
  >();
  network = false;
  route: Route = { kind: "closed" };
  health: Health = { misses: 0, answers: 3, silent: undefined };
  /** Versions that never answer. */
  readonly sick = new Set<number>();
  /** Writes that were answered, and that nobody asked to be undone since. */
  acknowledged = new Set<number>();
  #nextWrite = 1;
  /** Every version by its generation, however the record forgets it. */
  readonly #generations = new Map<number, Generation>();

  want(record: AppPlanRecord): void {
    this.record = record;
    for (const known of [record.current, record.change?.to, record.rollback?.generation]) {
      if (known !== undefined) this.#generations.set(known.number, known);
    }
  }

  observe(unknown: ReadonlySet<keyof Observed> = new Set()): Observed {
    const known = <T>(part: keyof Observed, value: T): Known<T> =>
      unknown.has(part) ? { known: false, reason: "no answer" } : { known: true, value };
    return {
      containers: known(
        "containers",
        [...this.containers.values()].map((one) => ({ ...one })),
      ),
      images: known("images", new Set(this.images)),
      network: known("network", this.network),
      volumes: known("volumes", new Set(this.volumes.keys())),
      snapshots: known("snapshots", new Map([...this.snapshots].map(([id, { state }]) => [id, state] as const))),
      route: this.route,
      health: this.health,
    };
  }

  generation(number: number): Generation {
    const found = this.#generations.get(number);
    assert.ok(found, `generation ${number}`);
    return found;
  }

  version(number: number): number {
    return Number(this.generation(number).manifest.version);
  }

  /** A visitor writes into every volume; answered only when the route is open to a generation that is up. */
  write(): void {
    const { route } = this;
    if (route.kind !== "open") return;
    const generation = this.generation(route.generation);
    const own = [...this.containers.values()].filter((one) => one.generation === route.generation);
    if (!isSatisfied(generation, own) || this.sick.has(this.version(route.generation))) return;
    if (generation.manifest.volumes.length === 0) return;
    const id = this.#nextWrite++;
    for (const { name } of generation.manifest.volumes) {
      const content = this.volumes.get(name);
      assert.ok(content, `a running app writes to ${name}, which is gone`);
      this.volumes.set(name, { ...content, writes: new Set([...content.writes, id]) });
    }
    this.acknowledged.add(id);
  }

  /** The daemon ends: the proxy knows no route any more. `reboot`: nothing runs either. */
  crash(reboot: boolean): void {
    this.route = { kind: "closed" };
    if (!reboot) return;
    for (const one of this.containers.values())
      if (one.state !== "created") Object.assign(one, { state: "stopped", exitCode: 137 });
  }

  /** Runs a plan until a step fails or the world ends it; true when it went through. */
  run({ steps }: Plan, outcomeOf: (step: Step, at: number) => Outcome | "crash" | "reboot"): boolean {
    for (const [at, step] of steps.entries()) {
      const outcome = outcomeOf(step, at);
      if (outcome === "crash" || outcome === "reboot") {
        this.crash(outcome === "reboot");
        return false;
      }
      const failure = this.#take(step, outcome);
      this.check();
      if (outcome === "half") {
        this.crash(false);
        return false;
      }
      if (failure !== undefined) {
        if (this.record !== undefined) this.want(recordAfterFailure(this.record, step, failure, this.nowMs));
        return false;
      }
    }
    return true;
  }

  #container(step: { readonly generation: number; readonly service: string }) {
    return this.containers.get(`${step.generation}/${step.service}`);
  }

  /** What the step does; a failure it ran into. */
  #take(step: Step, outcome: Outcome): StepFailure | undefined {
    if (typeof outcome === "object") return outcome;
    const half = outcome === "half";
    switch (step.do) {
      case "pull":
        if (!half) this.images.add(step.image);
        return undefined;
      case "fetch-backup":
        return this.#fetch(step, half);
      case "make-network":
        this.network = true;
        return undefined;
      case "remove-network":
        this.network = false;
        return undefined;
      case "make-volume":
        if (!this.volumes.has(step.volume)) this.volumes.set(step.volume, emptyContent);
        return undefined;
      case "create":
        return this.#create(step.generation, step.service);
      case "start":
        return this.#start(step.generation, step.service);
      case "stop":
        // A damaged one cannot be: only its removal ends it.
        if (this.#container(step)?.state !== "broken") this.#set(step, "stopped");
        return undefined;
      case "pause":
        this.#set(step, "paused");
        return undefined;
      case "resume":
        if (this.#container(step)?.state === "paused") this.#set(step, "running");
        return undefined;
      case "remove":
        assert.notEqual(this.#container(step)?.state, "running", "a running container is stopped first");
        this.containers.delete(`${step.generation}/${step.service}`);
        return undefined;
      case "await":
        assert.equal(this.#container(step)?.state, "running");
        return undefined;
      case "probe":
        return this.sick.has(this.version(step.generation)) ? notHealthy : undefined;
      case "route":
        this.route = step.to;
        return undefined;
      case "snapshot":
        return this.#snapshot(step.snapshot, step.volumes, half);
      case "restore":
        return this.#restore(step.snapshot, step.volumes, half);
      case "drop-snapshot":
        assert.ok(this.record?.discarded.includes(step.snapshot), "only what nothing needs is deleted");
        this.snapshots.delete(step.snapshot);
        return undefined;
      case "drop-volumes":
        return this.#drop(step.volumes, half);
      case "trash-volumes":
        this.#move(this.volumes, this.trashed, step.volumes, half);
        return undefined;
      case "untrash-volumes":
        this.#move(this.trashed, this.volumes, step.volumes, half);
        if (!half) this.trashed.clear();
        return undefined;
      case "purge-trash":
        assert.ok(this.trash !== undefined && (this.trash.purge || this.nowMs >= this.trash.purgeAtMs));
        this.trashed.clear();
        for (const id of step.snapshots) this.snapshots.delete(id);
        return undefined;
      case "record":
        this.#record(step.event);
        return undefined;
      default:
        return assert.fail();
    }
  }

  #set(step: { readonly generation: number; readonly service: string }, state: ObservedContainer["state"]): void {
    const found = this.#container(step);
    if (found === undefined) return;
    found.state = state;
    found.exitCode = state === "stopped" ? 0 : undefined;
  }

  #create(generation: number, service: string): StepFailure | undefined {
    const found = this.generation(generation).manifest.services.find(({ name }) => name === service);
    assert.ok(found);
    assert.ok(this.network, "a container needs its network");
    assert.ok(this.images.has(imageName(found.image)), "a container needs its image");
    const key = `${generation}/${service}`;
    assert.ok(!this.containers.has(key), "a container is made once");
    this.containers.set(key, { generation, service, state: "created", exitCode: undefined, upToDate: true });
    return undefined;
  }

  #start(generation: number, service: string): StepFailure | undefined {
    const found = this.#container({ generation, service });
    assert.ok(found, "what starts was made before");
    const { manifest } = this.generation(generation);
    const version = this.version(generation);
    for (const { name } of manifest.volumes) {
      const content = this.volumes.get(name);
      assert.ok(content, `${name} is missing and the app starts`);
      assert.ok(!content.torn, `the app starts on a torn ${name}`);
      assert.ok(
        content.version <= version || manifest.sideBySide,
        `version ${version} starts on data of ${content.version}`,
      );
      this.volumes.set(name, { ...content, version: Math.max(version, content.version) });
    }
    found.state = "running";
    found.exitCode = undefined;
    return undefined;
  }

  #snapshot(id: string, names: readonly string[], half: boolean): StepFailure | undefined {
    for (const name of names) {
      for (const one of this.containers.values()) {
        const volume = this.generation(one.generation).manifest.volumes.find((declared) => declared.name === name);
        if (volume?.snapshot === "stop")
          assert.ok(!["running", "paused"].includes(one.state), `${name} is copied while it is written to`);
        if (volume?.snapshot === "pause")
          assert.notEqual(one.state, "running", `${name} is copied while it is written to`);
      }
      assert.ok(this.volumes.has(name));
      assert.ok(this.volumes.get(name)?.torn === false, "a torn volume is never copied over a good copy");
    }
    const contents = new Map(names.flatMap((name) => [[name, this.volumes.get(name) ?? emptyContent] as const]));
    this.snapshots.set(id, { state: half ? "partial" : "complete", contents });
    return undefined;
  }

  #fetch(
    { backup, snapshot, volumes }: Extract<Step, { readonly do: "fetch-backup" }>,
    half: boolean,
  ): StepFailure | undefined {
    const stored = this.stored.get(backup);
    assert.ok(stored, "a backup that was asked for is there");
    assert.deepEqual([...stored.contents.keys()].toSorted(), [...volumes].toSorted());
    this.snapshots.set(snapshot, { state: half ? "partial" : "complete", contents: stored.contents });
    return undefined;
  }

  /** The newest local copy goes into the network; its record then says that it is needed here no more. */
  store(): string | undefined {
    const kept = this.record?.backups.at(-1);
    const copy = kept === undefined ? undefined : this.snapshots.get(kept.id);
    if (kept === undefined || this.record === undefined) return undefined;
    assert.equal(copy?.state, "complete", "what is recorded as a backup is whole");
    this.stored.set(kept.id, { generation: kept.generation, contents: copy.contents });
    this.want(requestForgetCopy(this.record, kept.id));
    return kept.id;
  }

  /** The form in which a backup comes back. */
  form(backup: string): BackedUpForm {
    const stored = this.stored.get(backup);
    assert.ok(stored);
    const { manifest, grants, settings } = stored.generation;
    return { generation: { manifest, grants, settings }, backup, volumes: [...stored.contents.keys()] };
  }

  #restore(id: string, names: readonly string[], half: boolean): StepFailure | undefined {
    for (const one of this.containers.values())
      assert.ok(!["running", "paused"].includes(one.state), "data is replaced under a running app");
    const snapshot = this.snapshots.get(id);
    assert.equal(snapshot?.state, "complete", "only a whole copy is put in place of data");
    for (const name of names) {
      const content = snapshot.contents.get(name);
      assert.ok(content, `${name} is not in the copy`);
      this.volumes.set(name, half ? tornContent : content);
    }
    return undefined;
  }

  #drop(names: readonly string[], half: boolean): StepFailure | undefined {
    const { made = [], safety } = this.record?.change ?? {};
    const copy = this.snapshots.get(safety ?? "");
    for (const name of half ? names.slice(0, 1) : names) {
      const isCopied = copy?.state === "complete" && copy.contents.has(name);
      assert.ok(made.includes(name) || isCopied, `${name} goes without a copy`);
      for (const { generation, state } of this.containers.values()) {
        const isDeclared = this.generation(generation).manifest.volumes.some((one) => one.name === name);
        assert.ok(!isDeclared || !["running", "paused"].includes(state), `${name} goes under a running app`);
      }
      this.volumes.delete(name);
    }
    return undefined;
  }

  #move(from: Map<string, Content>, to: Map<string, Content>, names: readonly string[], half: boolean): void {
    const there = names.filter((name) => from.has(name));
    for (const name of half ? there.slice(0, 1) : there) {
      assert.ok(!to.has(name), "nothing is overwritten on the way to or from the trash");
      to.set(name, from.get(name) ?? emptyContent);
      from.delete(name);
    }
  }

  #record(event: RecordEvent): void {
    const { record } = this;
    if (event.type === "purged") {
      this.trash = undefined;
      return;
    }
    assert.ok(record);
    if (event.type === "into-trash") {
      this.trash = trashOf(record, event.volumes, this.nowMs);
      assert.ok(this.trash);
    }
    if (event.type === "trashed") {
      this.record = undefined;
      return;
    }
    if (event.type === "trash-emptied-into-app") this.trash = undefined;
    const isBack = record.change?.kind === "rollback" || record.change?.kind === "restore";
    const undoes = event.type === "committed" && (isBack || record.change?.placed !== undefined);
    this.want(recordAfter(record, event));
    // A rollback the owner asked for takes writes back; they must then be in the copy that can undo it.
    if (undoes) {
      const live = this.live();
      const copy = this.snapshots.get(this.record?.rollback?.snapshot?.id ?? "");
      const kept = new Set([...(copy?.contents.values() ?? [])].flatMap(({ writes }) => [...writes]));
      for (const id of this.acknowledged)
        assert.ok(live.has(id) || kept.has(id) || record.current === undefined, `write ${id} is lost by a rollback`);
      this.acknowledged = new Set([...this.acknowledged].filter((id) => live.has(id)));
    }
  }

  live(): ReadonlySet<number> {
    return new Set([...this.volumes.values()].flatMap(({ writes }) => [...writes]));
  }

  /** What holds after every step. */
  check(): void {
    const running = new Set(
      [...this.containers.values()]
        .filter(({ state }) => state === "running" || state === "paused")
        .map(({ generation }) => generation),
    );
    if (running.size > 1) {
      assert.equal(running.size, 2);
      for (const number of running)
        assert.ok(this.generation(number).manifest.sideBySide, "two generations run that may not");
      const addresses = [...running].map((number) => addressOf(network, 0, number));
      assert.equal(new Set(addresses).size, addresses.length, "two generations run at one address");
      assert.ok(this.record !== undefined);
    }
    for (const id of this.acknowledged) assert.ok(this.isKept(id), `write ${id} is nowhere any more`);
  }

  /** In the volumes, in the trash, or in a whole copy. */
  isKept(id: number): boolean {
    const places = [
      ...this.volumes.values(),
      ...this.trashed.values(),
      ...[...this.snapshots.values()]
        .filter(({ state }) => state === "complete")
        .flatMap(({ contents }) => [...contents.values()]),
    ];
    return places.some(({ writes }) => writes.has(id));
  }

  get beside(): boolean {
    return this.record !== undefined && runsBeside(this.record);
  }
}

export const notHealthy: StepFailure = {
  code: "not-healthy",
  detail: "The app did not answer in time.",
  nextStep: "Look at its log.",
};
