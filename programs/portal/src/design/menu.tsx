/** Menus on a button. Not modal: Radix' modal menus lock the scrolling with a style element, which the policy forbids. */
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";

export function Menu({
  trigger,
  children,
  align = "end",
}: {
  trigger: ReactNode;
  children: ReactNode;
  align?: "start" | "end";
}) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align={align}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 min-w-52 animate-fade rounded-xl border border-line bg-raised p-1.5 shadow-lifted"
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

const itemClass =
  "flex min-h-11 w-full cursor-pointer items-center gap-3 rounded-lg px-3 text-[0.9375rem] outline-none select-none data-highlighted:bg-sunken md:min-h-9 md:text-sm pointer-coarse:min-h-11 [&>svg]:size-4 [&>svg]:shrink-0";

export function MenuItem({
  icon,
  children,
  onSelect,
  danger = false,
}: {
  icon?: ReactNode;
  children: ReactNode;
  onSelect: () => void;
  danger?: boolean;
}) {
  return (
    <DropdownMenu.Item
      onSelect={onSelect}
      className={`${itemClass} ${danger ? "text-danger" : "[&>svg]:text-ink-soft"}`}
    >
      {icon}
      {children}
    </DropdownMenu.Item>
  );
}

export function MenuLink({ icon, children, href }: { icon?: ReactNode; children: ReactNode; href: string }) {
  return (
    <DropdownMenu.Item asChild className={`${itemClass} [&>svg]:text-ink-soft`}>
      <a href={href} download>
        {icon}
        {children}
      </a>
    </DropdownMenu.Item>
  );
}

export function MenuChoice({
  children,
  checked,
  onSelect,
}: {
  children: ReactNode;
  checked: boolean;
  onSelect: () => void;
}) {
  return (
    <DropdownMenu.CheckboxItem checked={checked} onSelect={onSelect} className={`${itemClass} justify-between`}>
      {children}
      <DropdownMenu.ItemIndicator className="text-accent">✓</DropdownMenu.ItemIndicator>
    </DropdownMenu.CheckboxItem>
  );
}

export function MenuLine() {
  return <DropdownMenu.Separator className="mx-2 my-1.5 h-px bg-line" />;
}
