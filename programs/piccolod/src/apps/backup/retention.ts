/** Which backups of an app are kept, and which of them is the newest. Pure. */
import { isTimely } from "./schedule.ts";

export interface Retention {
  /** Whenever they were made: two of one day that somebody asked for are both kept for a while. */
  readonly latest: number;
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

/** The last three, a week of days, a month of weeks, half a year of months. */
export const usualRetention: Retention = { latest: 3, daily: 7, weekly: 4, monthly: 6 };

export interface DatedBackup {
  readonly id: string;
  readonly takenAtMs: number;
}

const dayMs = 24 * 3_600_000;
/** 1970 began on a Thursday; weeks begin on a Monday. */
const daysIntoFirstWeek = 3;

const dayOf = (atMs: number): number => Math.floor(atMs / dayMs);
const weekOf = (atMs: number): number => Math.floor((dayOf(atMs) + daysIntoFirstWeek) / 7);
function monthOf(atMs: number): number {
  const date = new Date(atMs);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** What is dated ahead of the clock was dated by one that was ahead itself, or this one is behind. */
function byClock<Backup extends Pick<DatedBackup, "takenAtMs">>(backups: readonly Backup[], nowMs: number) {
  const { timely = [], ahead = [] } = Object.groupBy(backups, ({ takenAtMs }) =>
    isTimely(takenAtMs, nowMs) ? "timely" : "ahead",
  );
  return { timely, ahead };
}

/** Of those newest first: what a clock that was ahead has dated comes last, since when it was made nobody knows. */
export function timelyFirst<Backup extends Pick<DatedBackup, "takenAtMs">>(
  backups: readonly Backup[],
  nowMs: number,
): Backup[] {
  const { timely, ahead } = byClock(backups, nowMs);
  return [...timely, ...ahead];
}

/**
 * The ids of those that go. The newest of each of the last days, weeks and months that have one stay: what counts is when
 * there was a backup, so that an app nobody backs up any more keeps what it has. The newest of all always stays. What is dated
 * ahead of the clock is counted by itself: whichever of the two clocks was wrong, no backup takes another's place.
 */
export function decideDropped(
  backups: readonly DatedBackup[],
  nowMs: number,
  retention: Retention = usualRetention,
): readonly string[] {
  const { timely, ahead } = byClock(backups, nowMs);
  return [...droppedOf(timely, retention), ...droppedOf(ahead, retention)];
}

function droppedOf(backups: readonly DatedBackup[], { latest, daily, weekly, monthly }: Retention): readonly string[] {
  const newestFirst = backups.toSorted((a, b) => b.takenAtMs - a.takenAtMs || (a.id < b.id ? -1 : 1));
  const kept = new Set(newestFirst.slice(0, Math.max(latest, 1)).map(({ id }) => id));
  const spans = [
    { of: dayOf, count: daily },
    { of: weekOf, count: weekly },
    { of: monthOf, count: monthly },
  ];
  for (const { of, count } of spans) {
    const seen = new Set<number>();
    for (const { id, takenAtMs } of newestFirst) {
      const span = of(takenAtMs);
      if (seen.has(span)) continue;
      if (seen.size === count) break;
      seen.add(span);
      kept.add(id);
    }
  }
  return newestFirst.filter(({ id }) => !kept.has(id)).map(({ id }) => id);
}
