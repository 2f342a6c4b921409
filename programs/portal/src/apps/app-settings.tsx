import { useState } from "react";
import { Button } from "../design/button.tsx";
import { Group } from "../design/group.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { useToast } from "../design/toasts.tsx";
import { type AppView, useAppCall } from "./queries.ts";
import { SettingFields } from "./setting-fields.tsx";
import { changedValues, firstValues, valueTrouble } from "./words.ts";

export function AppSettings({ view }: { view: AppView }) {
  const { settings, id } = view.app;
  const [values, setValues] = useState(() => firstValues(settings));
  const say = useToast();
  const save = useAppCall("POST /apps/{id}/configure", () => {
    const passwords = settings.filter(({ kind }) => kind === "password");
    setValues((now) => ({ ...now, ...Object.fromEntries(passwords.map(({ name }) => [name, ""])) }));
    say({ text: "The settings are saved, and the app is started again." });
  });
  const changed = changedValues(settings, values);
  const names = Object.keys(changed);
  const wrong = settings.some(
    (setting) => names.includes(setting.name) && valueTrouble(setting, values[setting.name] ?? "") !== undefined,
  );
  return (
    <Group title="Settings">
      <form
        className="flex flex-col gap-4 py-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!wrong) save.mutate({ params: { id }, body: { settings: changed } });
        }}
      >
        <SettingFields
          settings={settings}
          values={values}
          checked={wrong}
          onChange={(name, value) => setValues({ ...values, [name]: value })}
        />
        {save.isError ? <ProblemNote error={save.error} /> : null}
        <Button type="submit" look="primary" className="self-end" disabled={names.length === 0} busy={save.isPending}>
          Save and restart the app
        </Button>
      </form>
    </Group>
  );
}
