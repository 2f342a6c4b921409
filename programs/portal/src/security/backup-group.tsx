/** How far the list of files is saved with the others: without it, their pieces could not be put together. */
import { ChevronDown } from "lucide-react";
import { Group, Row } from "../design/group.tsx";
import { StateText } from "./state-text.tsx";
import { backupInWords, quorumInWords, witnessInWords, type Backup } from "./words.ts";

export function BackupGroup({ backup, nowMs }: { backup: Backup; nowMs: number }) {
  const done = backup.witnesses.filter(({ sequence }) => sequence >= backup.sequence).length;
  return (
    <Group title="Backup of your file list">
      <Row name="State">
        <StateText sentence={backupInWords(backup, nowMs)} />
      </Row>
      {backup.state === "stale" ? null : (
        <Row name="Changes saved">
          <span className="tabular-nums">
            {backup.witnessedSequence.toLocaleString("en")} of {backup.sequence.toLocaleString("en")}
          </span>
        </Row>
      )}
      {backup.witnesses.length === 0 ? null : (
        <details className="group border-b border-line last:border-none">
          <summary className="flex min-h-14 list-none items-center justify-between gap-4">
            <span className="text-ink-soft">Devices that keep it</span>
            <span className="flex items-center gap-2">
              {done} of {backup.witnesses.length} have everything
              <ChevronDown
                aria-hidden="true"
                className="size-4 shrink-0 text-ink-soft transition-transform group-open:rotate-180"
              />
            </span>
          </summary>
          <p className="pb-2 text-sm text-ink-soft">
            {quorumInWords(backup)} What they keep is encrypted; they cannot read it.
          </p>
          <ul className="pb-2">
            {backup.witnesses.map((witness) => {
              const { tone, text } = witnessInWords(witness, backup);
              return (
                <li
                  key={witness.account}
                  className="flex min-h-11 items-center gap-3 border-t border-line py-1.5 text-[0.9375rem]"
                >
                  <span
                    aria-hidden="true"
                    className={`size-2.5 shrink-0 rounded-full ${witness.online ? "bg-accent" : "border-2 border-ink-faint"}`}
                  />
                  <span className="min-w-0 grow truncate font-medium">{witness.name}</span>
                  <span className={`shrink-0 text-right text-sm ${tone === "good" ? "text-accent" : "text-ink-soft"}`}>
                    {text}
                  </span>
                </li>
              );
            })}
          </ul>
        </details>
      )}
    </Group>
  );
}
