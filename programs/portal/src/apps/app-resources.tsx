import { Group, Row } from "../design/group.tsx";
import { bytesInWords, progressInWords, rateInWords } from "../wording/bytes.ts";
import { useResources } from "./queries.ts";
import { ratesOf } from "./rates.ts";

/** A line over the last hour; what it shows is said beside it. */
function Line({ values, most }: { values: readonly number[]; most: number }) {
  if (values.length < 2) return null;
  const points = values.map(
    (value, at) => `${(at / (values.length - 1)) * 100},${24 - (Math.min(value, most) / most) * 22}`,
  );
  return (
    <svg viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true" className="h-6 w-16 text-accent sm:w-28">
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

/** What is kept of what may be; a moment at which it was not known is left out. */
function Kept({ values, most }: { values: readonly (number | undefined)[]; most: number }) {
  const known = values.filter((value) => value !== undefined);
  const last = known.at(-1);
  return (
    <span className="inline-flex items-center gap-3 tabular-nums">
      <Line values={known} most={most} />
      <span>{last === undefined ? "not known yet" : progressInWords(last, most)}</span>
    </span>
  );
}

/** Against the most there was in the hour, since nothing bounds it; from nothing but silence it is a flat line. */
function Rates({ rates }: { rates: readonly number[] }) {
  const last = rates.at(-1);
  return (
    <span className="inline-flex items-center gap-3 tabular-nums">
      <Line values={rates} most={Math.max(...rates, 1)} />
      <span>{last === undefined ? "not known yet" : rateInWords(last)}</span>
    </span>
  );
}

export function ResourcesGroup({ id, running }: { id: string; running: boolean }) {
  const resources = useResources(id, running);
  const points = resources.data?.points ?? [];
  const last = points.at(-1);
  if (!running || resources.data === undefined || last === undefined) return null;
  const network = ratesOf(points, ({ receivedBytes, sentBytes }) => receivedBytes + sentBytes);
  const disk = ratesOf(points, ({ readBytes, writtenBytes }) => readBytes + writtenBytes);
  const { diskLimitBytes = 0 } = resources.data;
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
        <Rates rates={network} />
      </Row>
      <Row name="Disk">
        <Rates rates={disk} />
      </Row>
      {diskLimitBytes > 0 && (
        <Row name="Kept on the disk">
          <Kept values={points.map(({ diskBytes }) => diskBytes)} most={diskLimitBytes} />
        </Row>
      )}
    </Group>
  );
}
