/** Short messages at the edge of the screen, with one thing to do about each. */
import { X } from "lucide-react";
import { Toast } from "radix-ui";
import { createContext, use, useCallback, useState, type ReactNode } from "react";
import { troubleOf } from "../api/problem.ts";
import { IconButton } from "./button.tsx";

export interface ToastMessage {
  readonly text: string;
  readonly tone?: "calm" | "danger";
  readonly action?: { readonly name: string; readonly run: () => void };
}

type Say = (message: ToastMessage) => void;

const ToastContext = createContext<Say>(() => undefined);

export const useToast = (): Say => use(ToastContext);

/** Says what went wrong, with a second try where one may help. */
export function useTroubleToast(): (error: unknown, again?: () => void) => void {
  const say = useToast();
  return useCallback(
    (error, again) => {
      const { detail, retry } = troubleOf(error);
      say({
        text: detail,
        tone: "danger",
        ...(retry && again !== undefined ? { action: { name: "Try again", run: again } } : {}),
      });
    },
    [say],
  );
}

const shownMax = 3;

export function Toasts({ children }: { children: ReactNode }) {
  const [messages, setMessages] = useState<readonly (ToastMessage & { readonly id: number })[]>([]);
  const say = useCallback<Say>(
    (message) =>
      setMessages((now) => [...now, { ...message, id: (now.at(-1)?.id ?? 0) + 1 + Math.random() }].slice(-shownMax)),
    [],
  );
  const drop = (id: number): void => setMessages((now) => now.filter((message) => message.id !== id));
  return (
    <ToastContext value={say}>
      <Toast.Provider swipeDirection="right" label="Message" duration={8000}>
        {children}
        {messages.map((message) => (
          <Toast.Root
            key={message.id}
            type={message.tone === "danger" ? "foreground" : "background"}
            onOpenChange={(open) => (open ? undefined : drop(message.id))}
            className={`flex animate-rise items-center gap-2 rounded-xl border py-1.5 pr-1.5 pl-4 text-[0.9375rem] shadow-lifted ${message.tone === "danger" ? "border-danger/30 bg-danger-soft text-danger" : "border-line bg-raised"}`}
          >
            <Toast.Description className="min-w-0 grow py-1.5 [overflow-wrap:anywhere]">
              {message.text}
            </Toast.Description>
            {message.action === undefined ? null : (
              <Toast.Action asChild altText={message.action.name}>
                <button
                  type="button"
                  onClick={message.action.run}
                  className="min-h-11 shrink-0 rounded-lg px-3 font-semibold text-accent hover:bg-sunken md:min-h-9 pointer-coarse:min-h-11"
                >
                  {message.action.name}
                </button>
              </Toast.Action>
            )}
            <Toast.Close asChild>
              <IconButton name="Dismiss">
                <X className="size-4" />
              </IconButton>
            </Toast.Close>
          </Toast.Root>
        ))}
        <Toast.Viewport className="fixed inset-x-3 bottom-[calc(4.75rem+env(safe-area-inset-bottom))] z-60 mx-auto flex max-w-md flex-col gap-2 outline-none max-sm:[body:has([data-dialog])_&]:top-3 max-sm:[body:has([data-dialog])_&]:bottom-auto md:right-auto md:bottom-6 md:left-1/2 md:w-full md:-translate-x-1/2" />
      </Toast.Provider>
    </ToastContext>
  );
}
