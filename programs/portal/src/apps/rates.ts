/** From counters to what was moved in each second. Pure. */

/** Bytes a second between each two points; a container that was started again counts from zero, and has moved what it says. */
export function ratesOf<P extends { readonly atMs: number }>(
  points: readonly P[],
  of: (point: P) => number,
): readonly number[] {
  return points.slice(1).map((point, at) => {
    const before = points[at];
    if (before === undefined) return 0;
    const moved = of(point) - of(before);
    const seconds = Math.max(point.atMs - before.atMs, 1) / 1000;
    return (moved < 0 ? of(point) : moved) / seconds;
  });
}
