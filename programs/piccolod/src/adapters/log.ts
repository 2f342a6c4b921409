export type LogLevel = "debug" | "info" | "warn" | "error";

/** What happens in the device, for whoever looks after it. Facts never hold a secret, a file name or content. */
export interface Log {
  debug(event: string, facts?: LogFacts): void;
  info(event: string, facts?: LogFacts): void;
  warn(event: string, facts?: LogFacts): void;
  error(event: string, facts?: LogFacts): void;
}

export type LogFacts = Readonly<Record<string, unknown>>;

const order: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** JSON, a line an event. */
export function createLog(write: (line: string) => void, nowMs: () => number, least: LogLevel = "info"): Log {
  const at = (level: LogLevel) => {
    return (event: string, facts: LogFacts = {}): void => {
      if (order.indexOf(level) < order.indexOf(least)) return;
      write(`${JSON.stringify({ time: new Date(nowMs()).toISOString(), level, event, ...facts })}\n`);
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** An error as facts of a log line. */
export function errorFacts(error: unknown): LogFacts {
  if (!(error instanceof Error)) return { error: String(error) };
  const cause = error.cause instanceof Error ? { cause: error.cause.message } : {};
  return { error: error.message, stack: error.stack, ...cause };
}
