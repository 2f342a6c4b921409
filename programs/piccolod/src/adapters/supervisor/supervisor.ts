/**
 * The port to whoever started the daemon and starts it again. The adapters are `SystemdNotify` and `NoSupervisor`;
 * the suite in `test-support/supervisor-suite.ts` is run by the first and by the fake beside it.
 */
import { catalogue } from "@piccolo/fault";
import type { World } from "@piccolo/world";

export const supervisorFaults = catalogue({
  "supervisor-deaf": {
    retry: "later",
    meaning: "The supervisor did not take a message; it will start the daemon again when more of them are lost.",
  },
});

/** Each message throws `supervisor-deaf` where it was not taken. */
export interface Supervisor {
  /** So long the daemon may be silent before it is taken for hung, ended and started again; undefined = for ever. */
  readonly silenceMs: number | undefined;
  /** The daemon answers requests. `status` is one line for whoever looks at the service. */
  ready(status: string): Promise<void>;
  alive(): Promise<void>;
  stopping(): Promise<void>;
}

/** Of the silence that is allowed: one lost message, and a machine under load, do no harm. */
const partsOfSilence = 4;

/**
 * Says that the daemon is alive for as long as its event loop turns; resolves when `signal` ends it. A message that is
 * lost is reported, and the next one is sent in time.
 */
export async function runAlive(
  supervisor: Supervisor,
  world: Pick<World, "sleep">,
  signal: AbortSignal,
  report: (error: unknown) => void,
): Promise<void> {
  if (supervisor.silenceMs === undefined) return;
  const pauseMs = supervisor.silenceMs / partsOfSilence;
  while (!signal.aborted) {
    await supervisor.alive().catch(report);
    await world.sleep(pauseMs, signal).catch(() => undefined);
  }
}

/** Nobody manages the daemon: it was started by hand, or by a test. */
export class NoSupervisor implements Supervisor {
  readonly silenceMs = undefined;
  async ready(): Promise<void> {}
  async alive(): Promise<void> {}
  async stopping(): Promise<void> {}
}
