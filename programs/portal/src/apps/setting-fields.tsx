import { useId } from "react";
import { Field, FieldNote, PasswordField } from "../design/field.tsx";
import { Switch } from "../design/switch.tsx";
import type { Setting } from "./queries.ts";
import { inLanguage, valueTrouble } from "./words.ts";

export function SettingFields({
  settings,
  values,
  onChange,
  checked,
}: {
  settings: readonly Setting[];
  values: Readonly<Record<string, string>>;
  onChange: (name: string, value: string) => void;
  /** Whether what is wrong is already said. */
  checked: boolean;
}) {
  return settings.map((setting) => (
    <SettingField
      key={setting.name}
      setting={setting}
      value={values[setting.name] ?? ""}
      onChange={(value) => onChange(setting.name, value)}
      error={checked ? valueTrouble(setting, values[setting.name] ?? "") : undefined}
    />
  ));
}

function SettingField({
  setting,
  value,
  onChange,
  error,
}: {
  setting: Setting;
  value: string;
  onChange: (value: string) => void;
  error: string | undefined;
}) {
  const label = inLanguage(setting.label, navigator.languages);
  const hint = setting.hint === undefined ? undefined : inLanguage(setting.hint, navigator.languages);
  if (setting.kind === "switch")
    return (
      <div className="flex items-center justify-between gap-4">
        <div>
          <p className="text-sm font-medium">{label}</p>
          {hint === undefined ? null : <p className="text-sm text-ink-soft">{hint}</p>}
        </div>
        <Switch name={label} checked={value === "true"} onChange={(on) => onChange(String(on))} />
      </div>
    );
  if (setting.kind === "choice")
    return <Choice setting={setting} label={label} hint={hint} value={value} onChange={onChange} />;
  const common = {
    label,
    hint,
    error,
    value,
    onChange: (event: { currentTarget: HTMLInputElement }) => onChange(event.currentTarget.value),
  };
  if (setting.kind === "password") return <PasswordField {...common} autoComplete="off" />;
  return <Field {...common} inputMode={setting.kind === "number" ? "numeric" : "text"} autoComplete="off" />;
}

function Choice({
  setting,
  label,
  hint,
  value,
  onChange,
}: {
  setting: Setting;
  label: string;
  hint: string | undefined;
  value: string;
  onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <select
        id={id}
        value={value}
        aria-describedby={`${id}-note`}
        onChange={(event) => onChange(event.currentTarget.value)}
        className="min-h-11 w-full rounded-lg border border-line-strong bg-surface px-3 text-base text-ink shadow-soft"
      >
        {(setting.choices ?? []).map((choice) => (
          <option key={choice.value} value={choice.value}>
            {inLanguage(choice.label, navigator.languages)}
          </option>
        ))}
      </select>
      <FieldNote id={`${id}-note`} hint={hint} />
    </div>
  );
}
