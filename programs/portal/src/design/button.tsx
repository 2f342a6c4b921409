import type { ComponentProps, ReactNode } from "react";
import { Busy } from "./busy.tsx";

export type ButtonLook = "primary" | "secondary" | "quiet" | "danger" | "quiet-danger";

const base =
  "inline-flex items-center justify-center gap-2 rounded-lg font-medium select-none whitespace-nowrap transition-colors disabled:opacity-55 min-h-11 md:min-h-9 pointer-coarse:min-h-11 px-4 md:px-3.5 text-[0.9375rem] md:text-sm";

const looks: Readonly<Record<ButtonLook, string>> = {
  primary: "bg-accent text-on-accent enabled:hover:bg-accent-strong shadow-soft",
  secondary: "bg-surface text-ink border border-line-strong enabled:hover:bg-sunken shadow-soft",
  quiet: "text-ink-soft enabled:hover:bg-sunken enabled:hover:text-ink",
  "quiet-danger": "text-danger enabled:hover:bg-danger-soft",
  danger: "bg-danger-fill text-white enabled:hover:brightness-110 shadow-soft",
};

export const buttonClass = (look: ButtonLook, more = ""): string => `${base} ${looks[look]} ${more}`;

export function Button({
  look = "secondary",
  busy = false,
  icon,
  children,
  className = "",
  ...rest
}: ComponentProps<"button"> & { look?: ButtonLook; busy?: boolean; icon?: ReactNode }) {
  return (
    <button type="button" {...rest} disabled={rest.disabled === true || busy} className={buttonClass(look, className)}>
      {busy ? <Busy /> : icon}
      {children}
    </button>
  );
}

/** Only an icon to see; the name is for those who do not see it, and the tooltip. */
export function IconButton({
  name,
  children,
  className = "",
  ...rest
}: Omit<ComponentProps<"button">, "name"> & { name: string }) {
  return (
    <button
      type="button"
      aria-label={name}
      title={name}
      {...rest}
      className={`inline-flex size-11 shrink-0 items-center justify-center rounded-lg text-ink-soft transition-colors enabled:hover:bg-sunken enabled:hover:text-ink disabled:opacity-50 md:size-9 pointer-coarse:size-11 ${className}`}
    >
      {children}
    </button>
  );
}
