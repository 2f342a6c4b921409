/**
 * What every benchmark is made of: figures that each stand beside something measured in the same run and beside their
 * goal, measured in turns, so that a change of the machine's speed meets all that is compared.
 */
import { cpus, release, totalmem } from "node:os";

export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** One measured number. */
export interface Figure {
  /** Name in the JSON, camelCase; names of published figures do not change. */
  readonly key: string;
  readonly value: number;
  readonly unit: string;
  /** What was measured beside it in the same run, in words and numbers. */
  readonly reference?: string;
  readonly goal?: Goal;
}

export interface Report {
  /** What was measured, in a line: sizes, repeats, circumstances. */
  readonly about: string;
  readonly figures: readonly Figure[];
  /** What a reader must know to judge the figures, a missing reference for instance. */
  readonly notes: readonly string[];
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  /** Loaded only when it runs, so that one benchmark never needs what another is made of. */
  load(): Promise<{ run(): Report | Promise<Report> }>;
}

/** MB in all figures. */
export const megabyte = 1e6;

/** Something measured in turns with others: one turn, which gives its rate. */
export type Turn = () => number;

/** CPU seconds this process, all its threads, has used; the wait for a busy machine is not in them. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/**
 * A turn that repeats `call` for about `seconds` of CPU time and gives MB per CPU second; a call works on `bytes` bytes.
 * How often it is repeated is found out once, at the start, which also lets the engine compile it. Each turn begins with
 * a part that is not counted: what ran before, or a pause, leaves cold caches and a heap given back to the system, and
 * what allocates (a cipher) would look a third slower for it than it is.
 */
export function throughput(bytes: number, call: () => void, seconds = 0.2): Turn {
  let repeats = 1;
  const measure = (count: number): number => {
    const start = cpuSeconds();
    for (let i = 0; i < count; i++) call();
    return cpuSeconds() - start;
  };
  for (let used = measure(repeats); used < seconds; used = measure(repeats)) {
    repeats = Math.max(repeats + 1, Math.ceil(repeats * Math.min(8, (1.2 * seconds) / Math.max(used, 1e-4))));
  }
  return () => {
    measure(Math.ceil(repeats / 3));
    return (repeats * bytes) / megabyte / measure(repeats);
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/**
 * Runs all turns one after the other, `rounds` times, and gives each one's median. Turns that start processes belong in
 * a set without turns that allocate: this process is idle meanwhile, and pays for it in the turn that follows.
 */
export function interleaved<Name extends string>(
  turns: Readonly<Record<Name, Turn>>,
  rounds: number,
): Record<Name, number> {
  const entries = Object.entries(turns) as [Name, Turn][];
  const rates = new Map(entries.map(([name]) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, turn] of entries) rates.get(name)?.push(turn());
  }
  return Object.fromEntries(entries.map(([name]) => [name, median(rates.get(name) ?? [])])) as Record<Name, number>;
}

/** What the figures depend on of the machine. It names no host: tables are made to be passed on. */
export function describeMachine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? "unknown processor";
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return `${model}, ${processors.length} CPUs, ${memory} GiB, Linux ${release().split("-")[0]} ${process.arch}, Node ${process.versions.node}`;
}

export function isMet(value: number, goal: Goal): boolean {
  return "atLeast" in goal ? value >= goal.atLeast : value <= goal.atMost;
}

function goalText({ value, goal }: Figure): string {
  if (goal === undefined) return "";
  const text = "atLeast" in goal ? `at least ${goal.atLeast}` : `at most ${goal.atMost}`;
  return `${text}: ${isMet(value, goal) ? "met" : "MISSED"}`;
}

/** Three digits that count, without powers of ten. */
export function formatNumber(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(decimals, 6));
}

/** The table a person reads. */
export function formatReport(name: string, report: Report, machine: string): string {
  const rows = report.figures.map((figure) => [
    figure.key,
    formatNumber(figure.value),
    figure.unit,
    figure.reference ?? "",
    goalText(figure),
  ]);
  const table = [["figure", "value", "unit", "beside", "goal"], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  const goals = report.figures.filter(({ goal }) => goal !== undefined);
  const missed = goals.filter(({ value, goal }) => goal !== undefined && !isMet(value, goal));
  return [
    `${name}: ${report.about}`,
    `machine: ${machine}`,
    "",
    ...lines,
    "",
    ...report.notes.map((note) => `note: ${note}`),
    ...missed.map((figure) => `goal missed: ${figure.key} is ${formatNumber(figure.value)}, ${goalText(figure)}`),
    `goals: ${goals.length - missed.length} of ${goals.length} met`,
  ].join("\n");
}

/** The file a program reads. */
export function reportJson(name: string, report: Report, machine: string): object {
  return {
    name,
    figures: Object.fromEntries(report.figures.map(({ key, value }) => [key, value])),
    goals: Object.fromEntries(report.figures.flatMap(({ key, goal }) => (goal === undefined ? [] : [[key, goal]]))),
    machine,
  };
}
