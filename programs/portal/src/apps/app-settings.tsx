import { useState } from "react";
import { Button } from "../design/button.tsx";
import { Group } from "../design/group.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { type AppView, useAppCall } from "./queries.ts";
import { SettingFields } from "./setting-fields.tsx";
import { changedValues, firstValues, isChangeUnderWay, valueTrouble } from "./words.ts";

export function AppSettings({ view, onTaken }: { view: AppView; onTaken: (taskId: string) => void }) {
  const { settings, id } = view.app;
  const [values, setValues] = useState(() => firstValues(settings));
  // The form is made anew with what was saved, perhaps before the answer is there.
  const save = useAppCall("POST /apps/{id}/configure", undefined, (task) => {
    const passwords = settings.filter(({ kind }) => kind === "password");
    setValues((now) => ({ ...now, ...Object.fromEntries(passwords.map(({ name }) => [name, ""])) }));
    onTaken(task.id);
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
        <Button
          type="submit"
          look="primary"
          className="self-end"
          disabled={names.length === 0 || isChangeUnderWay(view)}
          busy={save.isPending}
        >
          Save and restart the app
        </Button>
      </form>
    </Group>
  );
}
