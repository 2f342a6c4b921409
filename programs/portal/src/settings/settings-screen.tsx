import { Monitor, Moon, Sun } from "lucide-react";
import { RadioGroup } from "radix-ui";
import type { ReactNode } from "react";
import type { Session, Status } from "../api/queries.ts";
import { Button } from "../design/button.tsx";
import { chooseTheme, themes, useTheme, type Theme } from "../design/theme.ts";
import { ChangePassword } from "../session/change-password.tsx";
import { useSignOut } from "../session/sign-out.ts";
import { momentInWords } from "../wording/time.ts";
import { insecureInWords } from "./insecure.ts";

export function SettingsScreen({ status, session }: { status: Status; session: Session }) {
  const signOut = useSignOut();
  return (
    <div className="flex max-w-2xl flex-col gap-6">
      <h1 className="text-2xl font-semibold">Settings</h1>
      <Group title="Appearance">
        <ThemeChoice />
      </Group>
      <Group title="Your account">
        <Row name="Name">{session.ownerName}</Row>
        <Row name="Password">
          <ChangePassword />
        </Row>
        <Row name="Signed in until">{momentInWords(session.expiresAtMs)}</Row>
        <Row name="This browser">
          <Button busy={signOut.isPending} onClick={() => signOut.mutate()}>
            Sign out
          </Button>
        </Row>
      </Group>
      <Group title="This device">
        <Row name="Name">{status.deviceName}</Row>
        <Row name="Software version">
          <span className="tabular-nums">{status.version}</span>
        </Row>
        <Row name="Protection">
          {status.insecure.length === 0 ? (
            "Complete"
          ) : (
            <ul className="text-danger">
              {status.insecure.map((name) => (
                <li key={name}>{insecureInWords(name)}</li>
              ))}
            </ul>
          )}
        </Row>
      </Group>
    </div>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-2">
      <h2 className="text-sm font-semibold text-ink-soft">{title}</h2>
      <div className="rounded-2xl border border-line bg-surface px-4 shadow-soft sm:px-5">{children}</div>
    </section>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex min-h-14 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line py-2 last:border-none">
      <span className="text-ink-soft">{name}</span>
      <div className="min-w-0 text-right [overflow-wrap:anywhere]">{children}</div>
    </div>
  );
}

const looks: Readonly<Record<Theme, { readonly name: string; readonly Icon: typeof Sun }>> = {
  system: { name: "Like the system", Icon: Monitor },
  light: { name: "Light", Icon: Sun },
  dark: { name: "Dark", Icon: Moon },
};

function ThemeChoice() {
  const theme = useTheme();
  return (
    <RadioGroup.Root
      aria-label="Appearance"
      value={theme}
      onValueChange={(value) => chooseTheme(themes.find((known) => known === value) ?? "system")}
      className="grid grid-cols-3 gap-2 py-4"
    >
      {themes.map((value) => {
        const { name, Icon } = looks[value];
        return (
          <RadioGroup.Item
            key={value}
            value={value}
            className="flex min-h-20 flex-col items-center justify-center gap-2 rounded-xl border border-line px-2 text-sm text-ink-soft hover:bg-sunken data-[state=checked]:border-accent data-[state=checked]:bg-accent-soft data-[state=checked]:font-medium data-[state=checked]:text-accent"
          >
            <Icon aria-hidden="true" className="size-5" />
            {name}
          </RadioGroup.Item>
        );
      })}
    </RadioGroup.Root>
  );
}
