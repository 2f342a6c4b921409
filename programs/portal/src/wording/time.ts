/** Points in time and durations in words. `nowMs` is always given, so that the words can be tested. */
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayAndMonth = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayMonthYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short" });

const amount = (value: number, unit: string): string => `${value} ${unit}${value === 1 ? "" : "s"}`;

/** For lists: `just now`, `14:05`, `yesterday`, `3 May`, `3 May 2024`. */
export function whenInWords(atMs: number, nowMs: number): string {
  if (atMs <= 0) return "never";
  const at = new Date(atMs);
  const now = new Date(nowMs);
  const age = nowMs - atMs;
  if (age >= 0 && age < minute) return "just now";
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  if (atMs >= midnight && atMs < midnight + day) return clockTime.format(at);
  if (atMs >= midnight - day && atMs < midnight) return "yesterday";
  return at.getFullYear() === now.getFullYear() ? dayAndMonth.format(at) : dayMonthYear.format(at);
}

/** With day and time of day, for details. */
export function momentInWords(atMs: number): string {
  return atMs <= 0 ? "never" : whole.format(new Date(atMs));
}

/** `5 minutes ago`, for what happens in minutes and days. */
export function agoInWords(atMs: number, nowMs: number): string {
  if (atMs <= 0) return "never";
  const age = nowMs - atMs;
  if (age < minute) return "just now";
  if (age < hour) return `${amount(Math.floor(age / minute), "minute")} ago`;
  if (age < day) return `${amount(Math.floor(age / hour), "hour")} ago`;
  return `${amount(Math.floor(age / day), "day")} ago`;
}

/** What is still to come: `in 3 days`. Rounded up: nothing vanishes before it was announced to. */
export function untilInWords(atMs: number, nowMs: number): string {
  const rest = atMs - nowMs;
  if (rest <= minute) return "in a moment";
  if (rest < hour) return `in ${amount(Math.ceil(rest / minute), "minute")}`;
  if (rest < day) return `in ${amount(Math.ceil(rest / hour), "hour")}`;
  return `in ${amount(Math.ceil(rest / day), "day")}`;
}

/** A length of time: `40 seconds`, `3 minutes`, `2 hours`. */
export function durationInWords(ms: number): string {
  const span = Math.abs(ms);
  if (span < minute) return amount(Math.max(1, Math.round(span / second)), "second");
  if (span < hour) return amount(Math.round(span / minute), "minute");
  if (span < day) return amount(Math.round(span / hour), "hour");
  return amount(Math.round(span / day), "day");
}

/** `about 3 minutes left`: coarse on purpose, so that it does not jump about. Nothing while it is unknown. */
export function timeLeftInWords(bytesLeft: number, bytesPerSecond: number): string {
  if (bytesPerSecond <= 0 || bytesLeft <= 0) return "";
  const seconds = bytesLeft / bytesPerSecond;
  if (seconds < 8) return "a few seconds left";
  if (seconds < 50) return `about ${Math.ceil(seconds / 10) * 10} seconds left`;
  if (seconds < 90) return "about a minute left";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} minutes left`;
  const hours = seconds / 3600;
  if (hours < 1.25) return "about an hour left";
  if (hours < 24) return `about ${amount(Math.round(hours), "hour")} left`;
  return "more than a day left";
}
