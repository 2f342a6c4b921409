/** The mark of the network: devices around what they keep. Drawn, so that it says how many there are and who is away. */
const full = 2 * Math.PI;

export type RingDot = "here" | "away" | "empty";

export function Ring({
  dots,
  label,
  className = "size-24",
  children,
}: {
  dots: readonly RingDot[];
  label?: string;
  className?: string;
  children?: React.ReactNode;
}) {
  const radius = dots.length > 24 ? 2.4 : dots.length > 14 ? 3.4 : 4.6;
  return (
    <div
      className={`relative shrink-0 ${className}`}
      {...(label === undefined ? {} : { role: "img", "aria-label": label })}
    >
      <svg viewBox="0 0 100 100" aria-hidden="true" className="size-full">
        <circle cx="50" cy="50" r="41" fill="none" className="stroke-line" strokeWidth="1.2" />
        {dots.map((dot, index) => {
          const angle = (index / dots.length) * full - full / 4;
          return (
            <circle
              // The position is the dot.
              key={`${index}-${dots.length}`}
              cx={50 + 41 * Math.cos(angle)}
              cy={50 + 41 * Math.sin(angle)}
              r={radius}
              strokeWidth="1.8"
              className={dotLook[dot]}
            />
          );
        })}
      </svg>
      <div className="absolute inset-0 flex items-center justify-center">{children}</div>
    </div>
  );
}

const dotLook: Readonly<Record<RingDot, string>> = {
  here: "fill-accent stroke-canvas",
  away: "fill-canvas stroke-ink-faint",
  empty: "fill-canvas stroke-line-strong",
};

/** The ring as the product's mark. */
export function Mark({ className = "size-8" }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className={className}>
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <g className="fill-on-accent">
        {Array.from({ length: 6 }, (_, index) => {
          const angle = (index / 6) * full - full / 4;
          return <circle key={angle} cx={16 + 9 * Math.cos(angle)} cy={16 + 9 * Math.sin(angle)} r="2.3" />;
        })}
        <circle cx="16" cy="16" r="3.6" />
      </g>
    </svg>
  );
}
