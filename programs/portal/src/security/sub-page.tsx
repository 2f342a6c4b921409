import { ChevronLeft } from "lucide-react";
import { useEffect, useRef, type ReactNode } from "react";
import { hrefOf } from "../navigation.ts";

/** One task of the security page, on a page of its own. */
export function SubPage({
  title,
  text,
  children,
  wide = false,
}: {
  title: string;
  text?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const first = useRef(true);
  // A further step is read from its start; the first one is where the shell puts the reader.
  useEffect(() => {
    if (first.current) first.current = false;
    else {
      heading.current?.focus();
      window.scrollTo(0, 0);
    }
  }, [title, text]);
  return (
    <div className={`flex w-full flex-col gap-6 ${wide ? "max-w-3xl" : "max-w-xl"}`}>
      <header className="flex flex-col gap-2">
        <a
          href={hrefOf({ screen: "security" })}
          className="-ml-1 inline-flex min-h-11 items-center gap-1 self-start rounded-lg pr-3 text-sm font-medium text-ink-soft hover:text-ink md:min-h-9"
        >
          <ChevronLeft aria-hidden="true" className="size-4.5" />
          Security
        </a>
        <h1 ref={heading} tabIndex={-1} className="text-2xl font-semibold">
          {title}
        </h1>
        {text === undefined ? null : <p className="text-ink-soft">{text}</p>}
      </header>
      {children}
    </div>
  );
}
