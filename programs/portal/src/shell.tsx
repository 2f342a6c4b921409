/** What is around every screen: where one can go, how the device is, and what is being uploaded. */
import { CircleUserRound, Folder, LayoutGrid, Lock, LogOut, Settings, ShieldCheck, Trash2, Users } from "lucide-react";
import { useEffect, useRef, type ReactNode } from "react";
import { useChangesWait } from "./api/changes-wait.ts";
import { useLive } from "./api/live.tsx";
import { type NetworkView, type Session, type Status, useBoot } from "./api/queries.ts";
import { buttonClass, IconButton } from "./design/button.tsx";
import { Menu, MenuItem } from "./design/menu.tsx";
import { Banner } from "./design/notes.tsx";
import { Mark } from "./design/ring.tsx";
import { hrefOf, useRoute } from "./navigation.ts";
import { clockInWords, presenceInWords } from "./network/words.ts";
import { home, type Route } from "./routes.ts";
import type { Security } from "./security/words.ts";
import { useLock } from "./session/use-lock.ts";
import { useSignOut } from "./session/sign-out.tsx";
import { InsecureNotice } from "./settings/insecure-notice.tsx";
import { UploadPanel } from "./uploads/upload-panel.tsx";
import type { Uploads } from "./uploads/uploads.ts";

const places = [
  { name: "Files", to: home, Icon: Folder, screens: ["files", "search"] },
  {
    name: "Apps",
    to: { screen: "apps" },
    Icon: LayoutGrid,
    screens: ["apps", "app", "catalog", "catalogs", "app-trash"],
  },
  { name: "Trash", to: { screen: "trash" }, Icon: Trash2, screens: ["trash"] },
  { name: "Network", to: { screen: "network" }, Icon: Users, screens: ["network"] },
  { name: "Security", to: { screen: "security" }, Icon: ShieldCheck, screens: ["security"] },
  { name: "Settings", to: { screen: "settings" }, Icon: Settings, screens: ["settings"] },
] as const satisfies readonly { name: string; to: Route; Icon: unknown; screens: readonly Route["screen"][] }[];

export function Shell({
  status,
  session,
  network,
  security,
  uploads,
  children,
}: {
  status: Status;
  session: Session;
  network: NetworkView;
  security: Security | undefined;
  uploads: Uploads;
  children: ReactNode;
}) {
  const [route] = useRoute();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const { screen } = route;
  // Searching is a way of looking at files: the person goes on typing.
  const place = screen === "search" ? "files" : screen === "security" ? `security ${route.part ?? ""}` : screen;
  const title = places.find(({ screens }) => (screens as readonly string[]).includes(screen))?.name ?? "";
  useEffect(() => {
    document.title = `${title} · ${status.deviceName}`;
  }, [title, status.deviceName]);
  // A new screen is read from its start; the first one is where the browser puts the reader anyway.
  useEffect(() => {
    if (first.current) first.current = false;
    else {
      main.current?.focus();
      window.scrollTo(0, 0);
    }
  }, [place]);
  return (
    <div className="mx-auto flex min-h-dvh max-w-[90rem]">
      <a
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
        className="sr-only z-50 rounded-lg bg-accent px-4 py-3 text-on-accent focus:not-sr-only focus:fixed focus:top-3 focus:left-3"
      >
        Skip to content
      </a>
      <aside className="sticky top-0 hidden h-dvh w-60 shrink-0 flex-col gap-6 border-r border-line px-4 py-6 md:flex">
        <div className="flex items-center gap-3 px-2">
          <Mark className="size-9 shrink-0" />
          <div className="min-w-0">
            <p className="truncate leading-tight font-semibold">{status.deviceName}</p>
            <p className="truncate text-sm text-ink-soft">{session.ownerName}</p>
          </div>
        </div>
        <nav aria-label="Main" className="flex flex-col gap-1">
          {places.map(({ name, to, Icon, screens }) => {
            const here = (screens as readonly string[]).includes(screen);
            return (
              <a
                key={name}
                href={hrefOf(to)}
                aria-current={here ? "page" : undefined}
                className="flex min-h-10 items-center gap-3 rounded-lg px-3 text-[0.9375rem] text-ink-soft hover:bg-sunken hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-accent"
              >
                <Icon aria-hidden="true" className="size-[1.125rem]" />
                {name}
              </a>
            );
          })}
        </nav>
        <div className="mt-auto flex items-center gap-1 pl-2">
          <Presence network={network} />
          <AccountMenu uploads={uploads} />
        </div>
      </aside>

      <div className="flex min-w-0 grow flex-col pb-[calc(4.5rem+env(safe-area-inset-bottom))] md:pb-0">
        <Notices session={session} network={network} security={security} />
        <main
          id="main"
          ref={main}
          tabIndex={-1}
          className="flex w-full min-w-0 grow flex-col px-4 pt-5 pb-28 outline-none md:px-8 md:pt-8"
        >
          {children}
        </main>
      </div>

      <nav
        aria-label="Main"
        className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
      >
        {places.map(({ name, to, Icon, screens }) => (
          <a
            key={name}
            href={hrefOf(to)}
            aria-current={(screens as readonly string[]).includes(screen) ? "page" : undefined}
            className="flex min-h-16 grow basis-0 flex-col items-center justify-center gap-1 text-xs text-ink-soft aria-[current=page]:font-semibold aria-[current=page]:text-accent"
          >
            <Icon aria-hidden="true" className="size-5.5" />
            {name}
          </a>
        ))}
      </nav>
      <UploadPanel uploads={uploads} />
    </div>
  );
}

function AccountMenu({ uploads }: { uploads: Uploads }) {
  const signOut = useSignOut(uploads);
  const lock = useLock();
  return (
    <>
      <Menu
        trigger={
          <IconButton name="Lock or sign out">
            <CircleUserRound className="size-4.5" />
          </IconButton>
        }
      >
        <MenuItem icon={<Lock />} onSelect={() => lock.mutate()}>
          Lock this device
        </MenuItem>
        <MenuItem icon={<LogOut />} onSelect={signOut.begin}>
          Sign out
        </MenuItem>
      </Menu>
      {signOut.question}
    </>
  );
}

function Presence({ network }: { network: NetworkView }) {
  const live = useLive();
  const words = live === "down" ? "Not connected" : presenceInWords(network);
  const good = live !== "down" && network.state === "member";
  return (
    <a
      href={hrefOf({ screen: "network" })}
      className="flex min-h-9 min-w-0 grow items-center gap-2.5 rounded-lg px-1 text-sm text-ink-soft hover:text-ink"
    >
      <span aria-hidden="true" className={`size-2 shrink-0 rounded-full ${good ? "bg-accent" : "bg-ink-faint"}`} />
      <span className="truncate">{words}</span>
    </a>
  );
}

/** What must not be overlooked, the worst first. */
function Notices({
  session,
  network,
  security,
}: {
  session: Session;
  network: NetworkView;
  security: Security | undefined;
}) {
  const [route] = useRoute();
  // The security page says the same at more length; the pages below it do not speak of the device.
  const elsewhere = route.screen !== "security";
  const wholeSecurity = route.screen === "security" && route.part === undefined;
  const live = useLive();
  const failedRelease = useBoot().data?.failedRelease;
  const changesWait = useChangesWait();
  const clock = clockInWords(network.clock);
  return (
    <div className="flex flex-col gap-2 px-4 pt-3 empty:hidden md:px-8">
      {wholeSecurity ? null : <InsecureNotice />}
      {security?.replaced === undefined ? null : (
        <Banner
          tone="danger"
          action={elsewhere ? <Way name="It was not me" to={{ screen: "security", part: "reclaim" }} /> : null}
        >
          <strong className="font-semibold">Another device has taken over.</strong> This one has stopped.
        </Banner>
      )}
      {security?.mayBeStale === undefined || !elsewhere ? null : (
        <Banner tone="warn" action={<Way name="Look" to={{ screen: "security" }} />}>
          What was recovered may not be the newest. Until you accept it, your files can be opened but not changed.
        </Banner>
      )}
      {failedRelease === undefined || !elsewhere ? null : (
        <Banner tone="warn" action={<Way name="Look" to={{ screen: "security" }} />}>
          <strong className="font-semibold">A new version did not work.</strong> This device runs the one before again.
        </Banner>
      )}
      {session.phraseConfirmed || !elsewhere ? null : (
        <Banner tone="warn" action={<Way name="Confirm" to={{ screen: "security", part: "check" }} />}>
          <strong className="font-semibold">Your recovery phrase is not confirmed.</strong> If this device is lost, your
          files are lost.
        </Banner>
      )}
      {changesWait ? (
        <Banner tone="warn">
          <strong className="font-semibold">Your last changes are only on this device yet.</strong> Too few other
          devices are online to confirm them; they are saved with the others by themselves.
        </Banner>
      ) : null}
      {live === "down" ? (
        <Banner tone="warn">The connection to your device is lost. What you see may be old; trying again…</Banner>
      ) : null}
      {clock === undefined ? null : <Banner tone="warn">{clock}</Banner>}
    </div>
  );
}

function Way({ name, to }: { name: string; to: Route }) {
  return (
    <a href={hrefOf(to)} className={buttonClass("secondary", "-my-1 shrink-0")}>
      {name}
    </a>
  );
}
