import { Package } from "lucide-react";

/** The app's picture; as an image nothing in it can run. */
export function AppIcon({ icon, className }: { icon: string | undefined; className: string }) {
  if (icon?.startsWith("data:image/") === true)
    return <img src={icon} alt="" className={`shrink-0 rounded-[22%] ${className}`} />;
  return (
    <span className={`flex shrink-0 items-center justify-center rounded-[22%] bg-sunken text-ink-faint ${className}`}>
      <Package aria-hidden="true" className="size-1/2" />
    </span>
  );
}
