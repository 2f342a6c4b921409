/** What every scenario is made of: machines, checks that are counted, and figures. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { deadlineMs } from "./deadlines.ts";
import type { FirmwareName, Laboratory, OverlayName } from "./laboratory.ts";
import { Machine, type MachineOptions } from "./machine.ts";
import type { OwnerSecrets, SnapshotName } from "./snapshots.ts";

export interface Scenario {
  readonly name: string;
  readonly summary: string;
  /** `core` runs in CI, `full` where there is time. */
  readonly set: "core" | "full";
  run(context: ScenarioContext): Promise<void>;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it should at most be. */
  readonly goal?: number;
}

const usualCuts = 20;
/** From the memory on the disk to an answer of the portal. */
const restoredGoalSeconds = 3;

export class ScenarioContext {
  readonly laboratory: Laboratory;
  readonly folder: string;
  readonly say: (line: string) => void;
  /** How often a scenario that takes the power away again and again does so. */
  readonly cuts: number;
  readonly figures: Figure[] = [];
  checks = 0;
  /** Starts that were repeated because the machine hung before the product began. */
  firmwareHangs = 0;
  readonly #machines: Machine[] = [];

  constructor(laboratory: Laboratory, folder: string, say: (line: string) => void, cuts = usualCuts) {
    this.laboratory = laboratory;
    this.folder = folder;
    this.say = say;
    this.cuts = cuts;
  }

  async machine(
    name: string,
    disk: string | undefined,
    firmware: FirmwareName | { readonly variables: string } = "enforcing",
    options: Partial<MachineOptions> = {},
  ): Promise<Machine> {
    const variables = typeof firmware === "string" ? await this.laboratory.firmware(firmware) : firmware.variables;
    const { tools } = this.laboratory.shop;
    const onFirmwareHang = (): void => {
      this.firmwareHangs++;
      this.say(`  ${name}: it hung before the product began (firmware-watch.ts); the machine is powered on again`);
    };
    const own = { name, tools, folder: join(this.folder, name), disk, variables, onFirmwareHang };
    const machine = await Machine.create({ ...own, ...options });
    this.#machines.push(machine);
    return machine;
  }

  /** A machine that goes on from a snapshot, and what its owner knows. */
  async restored(
    name: string,
    snapshot: SnapshotName,
    overlay?: OverlayName,
  ): Promise<{ readonly machine: Machine; readonly secrets: OwnerSecrets }> {
    const { folder, image, secrets } = await this.laboratory.snapshot(snapshot, overlay);
    const machine = await this.machine(name, image.disk, "enforcing", { saved: folder });
    const beganMs = performance.now();
    await machine.restore();
    await machine.untilAnswers(deadlineMs("restored"));
    this.figure(
      "restoring the snapshot",
      Math.round((performance.now() - beganMs) / 100) / 10,
      "s",
      restoredGoalSeconds,
    );
    return { machine, secrets };
  }

  check(what: string, condition: boolean): void {
    this.checks++;
    assert.ok(condition, what);
  }

  equal(what: string, actual: unknown, expected: unknown): void {
    this.checks++;
    assert.deepEqual(actual, expected, `${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  }

  figure(name: string, value: number, unit: string, goal?: number): void {
    this.figures.push({ name, value, unit, ...(goal === undefined ? {} : { goal }) });
    const missed = goal !== undefined && value > goal ? `, goal at most ${goal}: missed` : "";
    this.say(`  ${name} ${value} ${unit}${missed}`);
  }

  async close(): Promise<void> {
    for (const machine of this.#machines.splice(0)) await machine.destroy();
  }
}
