import { ChevronLeft } from "lucide-react";
import type { ReactNode } from "react";
import { hrefOf } from "../navigation.ts";
import type { Route } from "../routes.ts";

/** A page below another one of the apps'. */
export function Page({
  title,
  text,
  back,
  children,
}: {
  title: string;
  text?: string;
  back: { readonly name: string; readonly to: Route };
  children: ReactNode;
}) {
  return (
    <div className="flex w-full flex-col gap-5">
      <header className="flex flex-col gap-1">
        <BackLink {...back} />
        <h1 className="text-2xl font-semibold">{title}</h1>
        {text === undefined ? null : <p className="text-ink-soft">{text}</p>}
      </header>
      {children}
    </div>
  );
}

export function BackLink({ name, to }: { name: string; to: Route }) {
  return (
    <a
      href={hrefOf(to)}
      className="-ml-1 inline-flex min-h-11 items-center gap-1 self-start rounded-lg pr-3 text-sm font-medium text-ink-soft hover:text-ink md:min-h-9"
    >
      <ChevronLeft aria-hidden="true" className="size-4.5" />
      {name}
    </a>
  );
}
