import type { ReactNode } from "react";
import { Mark } from "../design/ring.tsx";
import { ClockNotice } from "./clock-notice.tsx";
import { InsecureNotice } from "../settings/insecure-notice.tsx";

/** One question in the middle of an empty page. */
export function QuietPage({
  title,
  text,
  children,
  wide = false,
}: {
  title: string;
  text?: ReactNode;
  children?: ReactNode;
  wide?: boolean;
}) {
  return (
    <main
      className={`mx-auto flex min-h-dvh w-full flex-col justify-center gap-7 px-5 py-10 ${wide ? "max-w-[36rem] sm:pb-[8vh]" : "max-w-[27rem] sm:pb-[14vh]"}`}
    >
      <InsecureNotice />
      <ClockNotice />
      <header className="flex flex-col gap-2">
        <Mark className="mb-4 size-11" />
        <h1 className="text-[1.75rem] leading-tight font-semibold">{title}</h1>
        {text === undefined ? null : <p className="text-ink-soft">{text}</p>}
      </header>
      {children}
    </main>
  );
}
