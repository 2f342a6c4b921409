/** What an owner compares with a certificate or with paper: as browsers write it, broken between groups of eight pairs only. */
export function Fingerprint({ of }: { of: string }) {
  return (
    <p translate="no" className="max-w-[49ch] font-mono text-[0.8125rem] leading-relaxed">
      {(of.match(/(?:..:){8}|.+$/g) ?? []).map((group) => (
        <span key={group} className="inline-block">
          {group}
        </span>
      ))}
    </p>
  );
}
