/**
 * Dialogs and side sheets. Radix gives focus, keys and names; the backdrop is our own, because Radix' own one locks the
 * scrolling with a style element, which the device's policy forbids.
 */
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { IconButton } from "./button.tsx";
import { focusFirst, useReturnFocus } from "./return-focus.ts";
import { useScrollLock } from "./scroll-lock.ts";

function Backdrop() {
  useScrollLock();
  return <div className="fixed inset-0 z-40 animate-fade bg-backdrop" aria-hidden="true" />;
}

/** `data-dialog` makes room: on phones messages go to the other edge of the screen meanwhile. */
type ModalProps = ComponentProps<typeof Radix.Content> & { onClose: () => void; "data-dialog"?: true };

/** What dialogs and sheets have in common: they are shown for as long as they are rendered, and give the focus back. */
function Modal({ onClose, ...content }: ModalProps) {
  const returnFocus = useReturnFocus();
  return (
    <Radix.Root open onOpenChange={(now) => (now ? undefined : onClose())}>
      <Radix.Portal>
        <Backdrop />
        <Radix.Content aria-modal="true" onCloseAutoFocus={returnFocus} {...content} />
      </Radix.Portal>
    </Radix.Root>
  );
}

interface Common {
  onClose: () => void;
  title: string;
  children: ReactNode;
}

export function Dialog({
  onClose,
  title,
  text,
  children,
  wide = false,
  role,
}: Common & { text?: ReactNode; wide?: boolean; role?: "alertdialog" }) {
  return (
    <Modal
      onClose={onClose}
      onOpenAutoFocus={focusFirst}
      data-dialog
      {...(role === undefined ? {} : { role })}
      {...(text === undefined ? { "aria-describedby": undefined } : {})}
      className={`fixed inset-x-3 bottom-3 z-50 mx-auto flex max-h-[calc(100dvh-1.5rem)] animate-rise flex-col gap-4 overflow-y-auto rounded-2xl border border-line bg-raised p-5 shadow-lifted outline-none sm:top-[18dvh] sm:bottom-auto sm:max-h-[70dvh] sm:p-6 ${wide ? "max-w-xl" : "max-w-md"}`}
    >
      <div className="flex flex-col gap-1.5">
        <Radix.Title className="text-lg font-semibold break-words">{title}</Radix.Title>
        {text === undefined ? null : (
          <Radix.Description className="text-[0.9375rem] text-ink-soft">{text}</Radix.Description>
        )}
      </div>
      {children}
    </Modal>
  );
}

export function DialogButtons({ children }: { children: ReactNode }) {
  return <div className="flex flex-col-reverse gap-2 pt-1 sm:flex-row sm:justify-end">{children}</div>;
}

/** From the side. */
export function Sheet({ onClose, title, children }: Common) {
  return (
    <Modal
      onClose={onClose}
      aria-describedby={undefined}
      className="fixed inset-y-0 right-0 z-50 flex w-full animate-slide flex-col border-line bg-surface shadow-lifted outline-none sm:w-[27rem] sm:border-l"
    >
      <header className="flex items-start justify-between gap-3 border-b border-line px-5 py-3.5">
        <Radix.Title className="min-w-0 pt-2.5 text-base leading-snug font-semibold [overflow-wrap:anywhere] md:pt-1.5">
          {title}
        </Radix.Title>
        <Radix.Close asChild>
          <IconButton name="Close" className="-mr-2">
            <X className="size-5" />
          </IconButton>
        </Radix.Close>
      </header>
      <div className="min-h-0 grow overflow-y-auto overscroll-contain">{children}</div>
    </Modal>
  );
}
