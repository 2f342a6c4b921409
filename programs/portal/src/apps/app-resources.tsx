import { Group, Row } from "../design/group.tsx";
import { bytesInWords, rateInWords } from "../wording/bytes.ts";
import { useResources } from "./queries.ts";

/** A line over the last hour; what it shows is said beside it. */
function Line({ values, most }: { values: readonly number[]; most: number }) {
  if (values.length < 2) return null;
  const points = values.map(
    (value, at) => `${(at / (values.length - 1)) * 100},${24 - (Math.min(value, most) / most) * 22}`,
  );
  return (
    <svg viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true" className="h-6 w-28 text-accent">
      <polyline
        points={points.join(" ")}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}

export function ResourcesGroup({ id, running }: { id: string; running: boolean }) {
  const resources = useResources(id, running);
  const points = resources.data?.points ?? [];
  const last = points.at(-1);
  if (!running || resources.data === undefined || last === undefined) return null;
  const before = points.at(-2);
  const seconds = before === undefined ? 0 : Math.max(last.atMs - before.atMs, 1) / 1000;
  // A container that was started again counts from zero.
  const rate = (of: (point: NonNullable<typeof last>) => number): string =>
    before === undefined ? "not known yet" : rateInWords(Math.max(of(last) - of(before), 0) / seconds);
  const { diskBytes } = resources.data;
  const cpus = points.map(({ milliCpus }) => milliCpus);
  return (
    <Group title="Use">
      <Row name="Processor">
        <span className="inline-flex items-center gap-3 tabular-nums">
          <Line values={cpus} most={Math.max(...cpus, 1)} />
          {(last.milliCpus / 10).toFixed(0)} % of one
        </span>
      </Row>
      <Row name="Memory">
        <span className="inline-flex items-center gap-3 tabular-nums">
          <Line values={points.map(({ memoryBytes }) => memoryBytes)} most={resources.data.memoryLimitBytes} />
          {bytesInWords(last.memoryBytes)} of {bytesInWords(resources.data.memoryLimitBytes)}
        </span>
      </Row>
      <Row name="Network">
        <span className="tabular-nums">{rate(({ receivedBytes, sentBytes }) => receivedBytes + sentBytes)}</span>
      </Row>
      <Row name="Disk">
        <span className="tabular-nums">
          {rate(({ readBytes, writtenBytes }) => readBytes + writtenBytes)}
          {diskBytes === undefined ? "" : ` · ${bytesInWords(diskBytes)} kept`}
        </span>
      </Row>
    </Group>
  );
}
