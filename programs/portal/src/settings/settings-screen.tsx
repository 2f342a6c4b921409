import { Monitor, Moon, Sun } from "lucide-react";
import { RadioGroup } from "radix-ui";
import type { Session, Status } from "../api/queries.ts";
import { Button, buttonClass } from "../design/button.tsx";
import { Group, Row } from "../design/group.tsx";
import { chooseTheme, themes, useTheme, type Theme } from "../design/theme.ts";
import { useLock } from "../session/use-lock.ts";
import { useSignOut } from "../session/sign-out.tsx";
import { hrefOf } from "../navigation.ts";
import { momentInWords } from "../wording/time.ts";
import type { Uploads } from "../uploads/uploads.ts";
import { insecureInWords } from "./insecure.ts";

export function SettingsScreen({ status, session, uploads }: { status: Status; session: Session; uploads: Uploads }) {
  const signOut = useSignOut(uploads);
  const lock = useLock();
  return (
    <div className="flex max-w-2xl flex-col gap-6">
      <h1 className="text-2xl font-semibold">Settings</h1>
      <Group title="Appearance">
        <ThemeChoice />
      </Group>
      <Group title="Your account">
        <Row name="Name">{session.ownerName}</Row>
        <Row name="Password and recovery phrase">
          <a href={hrefOf({ screen: "security" })} className={buttonClass("secondary")}>
            Security
          </a>
        </Row>
        <Row name="Signed in until">{momentInWords(session.expiresAtMs)}</Row>
        <Row name="This browser">
          <Button busy={signOut.isPending} onClick={signOut.begin}>
            Sign out
          </Button>
          {signOut.question}
        </Row>
      </Group>
      <Group title="This device">
        <Row name="Name">{status.deviceName}</Row>
        <Row name="Software version">
          <span className="tabular-nums">{status.version}</span>
        </Row>
        <Row name="Keys">
          <Button busy={lock.isPending} onClick={() => lock.mutate()}>
            Lock now
          </Button>
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
