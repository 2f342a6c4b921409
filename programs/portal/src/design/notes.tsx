/** What is said about a state: banners, problems, emptiness, and what is still being read. */
import { CircleAlert, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { troubleOf } from "../api/problem.ts";
import { Button } from "./button.tsx";

export type Tone = "calm" | "warn" | "danger";

const tones: Readonly<Record<Tone, string>> = {
  calm: "bg-sunken text-ink-soft",
  warn: "bg-warn-soft text-warn",
  danger: "bg-danger-soft text-danger",
};

export function Banner({
  tone,
  children,
  action,
  role = "status",
}: {
  tone: Tone;
  children: ReactNode;
  action?: ReactNode;
  role?: "status" | "alert";
}) {
  const Icon = tone === "calm" ? Info : tone === "warn" ? TriangleAlert : CircleAlert;
  return (
    <div role={role} className={`flex items-center gap-3 rounded-xl px-4 py-2.5 text-sm ${tones[tone]}`}>
      <Icon aria-hidden="true" className="size-4.5 shrink-0" />
      {/* Where both do not fit beside each other, what can be done stands below what is said. */}
      <div className="flex min-w-0 grow flex-wrap items-center gap-x-3 gap-y-2">
        <div className="min-w-0 grow basis-56">{children}</div>
        {action}
      </div>
    </div>
  );
}

/** The device's own sentence, and a second try where one may help. */
export function ProblemNote({ error, onRetry }: { error: unknown; onRetry?: (() => void) | undefined }) {
  const { detail, retry } = troubleOf(error);
  return (
    <Banner
      tone="danger"
      role="alert"
      action={
        retry && onRetry !== undefined ? (
          <Button look="quiet-danger" onClick={onRetry} className="-my-1.5 -mr-2.5">
            Try again
          </Button>
        ) : undefined
      }
    >
      {detail}
    </Banner>
  );
}

export function Empty({ picture, title, children }: { picture: ReactNode; title: string; children?: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-sm flex-col items-center gap-3 px-6 py-16 text-center">
      <div className="mb-2 text-ink-faint">{picture}</div>
      <h2 className="text-lg font-semibold">{title}</h2>
      <div className="flex flex-col items-center gap-5 text-ink-soft">{children}</div>
    </div>
  );
}

export function Skeleton({ className }: { className: string }) {
  return <div aria-hidden="true" className={`animate-breathe rounded-md bg-line ${className}`} />;
}

/** `durable` lies over `sent`: the paler part is on its way and not stored yet. */
export function Progress({
  done,
  ahead = 0,
  total,
  name,
  quiet = false,
}: {
  done: number;
  ahead?: number;
  total: number;
  name: string;
  quiet?: boolean;
}) {
  const part = (value: number): number => (total <= 0 ? 0 : Math.min(1, Math.max(0, value / total)));
  const known = total > 0;
  return (
    <div
      role="progressbar"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(known ? { "aria-valuenow": Math.floor(part(done) * 100) } : {})}
      className="relative h-1.5 w-full overflow-hidden rounded-full bg-line"
    >
      {known ? (
        <>
          <div
            className="absolute inset-0 origin-left bg-accent opacity-35"
            style={{ transform: `scaleX(${part(ahead)})` }}
          />
          <div
            className={`absolute inset-0 origin-left transition-transform duration-300 ${quiet ? "bg-ink-faint" : "bg-accent"}`}
            style={{ transform: `scaleX(${part(done)})` }}
          />
        </>
      ) : (
        <div className="absolute inset-0 animate-breathe bg-accent opacity-60" />
      )}
    </div>
  );
}
