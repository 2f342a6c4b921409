/** How fast an upload goes, over the last seconds, from points (time, bytes that arrived). */
export interface RatePoint {
  readonly atMs: number;
  readonly bytes: number;
}

const windowMs = 12_000;
const pointsMax = 40;

/** Adds a point. Going back, as after a resumption, starts anew. */
export function withPoint(points: readonly RatePoint[], point: RatePoint): readonly RatePoint[] {
  const last = points.at(-1);
  if (last === undefined || point.bytes < last.bytes) return [point];
  if (point.bytes === last.bytes) return points;
  const recent = points.filter(({ atMs }) => point.atMs - atMs <= windowMs);
  // One older point stays as the start of the window, else a slow line would have no rate at all.
  const kept = recent.length === 0 ? [last] : recent;
  return [...kept, point].slice(-pointsMax);
}

/** Bytes a second; 0 while it is unknown. An upload that stands still slows down as time passes. */
export function rateOf(points: readonly RatePoint[], nowMs: number): number {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || first === last) return 0;
  const span = Math.max(nowMs, last.atMs) - first.atMs;
  return span < 500 ? 0 : ((last.bytes - first.bytes) * 1000) / span;
}
