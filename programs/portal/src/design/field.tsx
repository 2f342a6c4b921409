import { Eye, EyeOff } from "lucide-react";
import { useId, useState, type ComponentProps, type ReactNode } from "react";
import { IconButton } from "./button.tsx";

const inputClass =
  "min-h-11 w-full rounded-lg border border-line-strong bg-surface px-3 text-base text-ink shadow-soft placeholder:text-ink-faint focus-visible:border-accent focus-visible:outline-offset-0 aria-invalid:border-danger";

interface FieldTexts {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
}

/** A label above, a field, and below it what there is to say about it, by the id `ID-note`. */
function Labelled({ id, label, hint, error, children }: FieldTexts & { id: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {children}
      <FieldNote id={`${id}-note`} hint={hint} error={error} />
    </div>
  );
}

export function Field({ label, hint, error, ...rest }: ComponentProps<"input"> & FieldTexts) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <input
        {...rest}
        id={id}
        className={inputClass}
        aria-invalid={error === undefined ? undefined : true}
        aria-describedby={`${id}-note`}
      />
    </Labelled>
  );
}

export function FieldNote({ id, hint, error }: { id: string; hint?: ReactNode; error?: string | undefined }) {
  return (
    <div id={id} aria-live="polite" className="text-sm empty:hidden">
      {error === undefined ? (
        hint === undefined ? null : (
          <span className="text-ink-soft">{hint}</span>
        )
      ) : (
        <span className="text-danger">{error}</span>
      )}
    </div>
  );
}

export function PasswordField({ label, hint, error, ...rest }: ComponentProps<"input"> & FieldTexts) {
  const id = useId();
  const [shown, setShown] = useState(false);
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <div className="relative">
        <input
          {...rest}
          id={id}
          type={shown ? "text" : "password"}
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          className={`${inputClass} pr-12`}
          aria-invalid={error === undefined ? undefined : true}
          aria-describedby={`${id}-note`}
        />
        <IconButton
          name={shown ? "Hide password" : "Show password"}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
          className="absolute top-0 right-0 md:size-11"
        >
          {shown ? <EyeOff className="size-5" /> : <Eye className="size-5" />}
        </IconButton>
      </div>
    </Labelled>
  );
}

export function TextArea({ label, hint, error, ...rest }: ComponentProps<"textarea"> & FieldTexts) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <textarea
        rows={4}
        {...rest}
        id={id}
        className={`${inputClass} resize-none py-2 font-mono text-sm leading-relaxed`}
        aria-invalid={error === undefined ? undefined : true}
        aria-describedby={`${id}-note`}
      />
    </Labelled>
  );
}

/** A box of 44 px to hit around a mark of 18 px to see. */
export function Checkbox({
  name,
  checked,
  partly = false,
  onChange,
}: {
  name: string;
  checked: boolean;
  partly?: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className="flex size-11 items-center justify-center md:size-9 pointer-coarse:size-11">
      <input
        type="checkbox"
        aria-label={name}
        checked={checked}
        ref={(box) => {
          if (box !== null) box.indeterminate = partly;
        }}
        onChange={(event) => onChange(event.currentTarget.checked)}
        className="size-[1.125rem] accent-accent"
      />
    </label>
  );
}
