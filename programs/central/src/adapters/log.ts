/** What happens in central, a line each on standard error. Nothing that a caller sent is ever part of a line. */
export interface Log {
  info(text: string): void;
  error(text: string, error: unknown): void;
}

export function createLog(write: (line: string) => void, now: () => number): Log {
  const line = (level: string, text: string): void => write(`${new Date(now()).toISOString()} ${level} ${text}\n`);
  return {
    info: (text) => line("info", text),
    error: (text, error) => line("error", `${text}: ${error instanceof Error ? (error.stack ?? error.message) : ""}`),
  };
}
