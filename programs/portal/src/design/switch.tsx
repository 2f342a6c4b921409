import { Switch as Radix } from "radix-ui";

export function Switch({
  name,
  checked,
  disabled = false,
  onChange,
}: {
  name: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <span className="inline-flex min-h-11 items-center md:min-h-9 pointer-coarse:min-h-11">
      <Radix.Root
        aria-label={name}
        checked={checked}
        disabled={disabled}
        onCheckedChange={onChange}
        className="relative h-6 w-11 rounded-full bg-line-strong transition-colors disabled:opacity-55 data-[state=checked]:bg-accent"
      >
        <Radix.Thumb className="block size-5 translate-x-0.5 rounded-full bg-white shadow-soft transition-transform data-[state=checked]:translate-x-[1.375rem]" />
      </Radix.Root>
    </span>
  );
}
