/** To another version of an app: the newest of its catalog, or one that is given as a manifest. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { device } from "../api/device.ts";
import { troubleOf } from "../api/problem.ts";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Banner, ProblemNote, Skeleton } from "../design/notes.tsx";
import { GrantList, toggled } from "./grant-list.tsx";
import { ManifestProblems } from "./manifest-problems.tsx";
import { blocksUpdate } from "./obstacles.ts";
import { PasteDialog } from "./paste-dialog.tsx";
import { type AppView, type Grant, type Setting, useAppCall, useAppsChanged } from "./queries.ts";
import { SettingFields } from "./setting-fields.tsx";
import { answersTo, newGrantsOf, valueTrouble } from "./words.ts";

export function UpdateDialog({
  id,
  title,
  newGrants,
  missingSettings,
  manifest,
  notes,
  onClose,
}: {
  id: string;
  title: string;
  /** What it asks for beyond what was agreed to. */
  newGrants: readonly Grant[];
  /** What it has to be told; all else it is told as before. */
  missingSettings: readonly Setting[];
  /** Absent: the newest of its catalog. */
  manifest?: string;
  notes?: ReactNode;
  onClose: () => void;
}) {
  const [agreed, setAgreed] = useState<ReadonlySet<Grant["kind"]>>(new Set());
  const [typed, setTyped] = useState<Readonly<Record<string, string>>>({});
  const [checked, setChecked] = useState(false);
  const call = useAppCall("POST /apps/{id}/update", onClose);
  const changed = useAppsChanged();
  const isMissing = newGrants.some(({ kind, required }) => required && !agreed.has(kind));
  // Another version may be offered while the dialog is open: only what this one asks is sent.
  const settings = answersTo(missingSettings, typed);
  const wrong = missingSettings.some((setting) => valueTrouble(setting, settings[setting.name] ?? "") !== undefined);
  const start = (): void => {
    setChecked(true);
    if (wrong) return;
    const body = { grants: [...agreed], settings, ...(manifest === undefined ? {} : { manifest }) };
    const input = { params: { id }, body };
    // The catalog may have a version by now that asks for more than the page has heard of.
    const onError = (error: unknown): void => {
      if (troubleOf(error).code === "setting-refused") void changed();
    };
    call.mutate(input, { onError });
  };
  return (
    <Dialog
      onClose={onClose}
      title={title}
      text="Its data is copied first. If the new version does not work, this device goes back to the old one by itself."
    >
      {notes}
      {newGrants.length === 0 ? null : (
        <>
          <p className="text-sm font-semibold">The new version asks for more</p>
          <GrantList grants={newGrants} agreed={agreed} onChange={(kind, on) => setAgreed(toggled(agreed, kind, on))} />
        </>
      )}
      {missingSettings.length === 0 ? null : (
        <section className="flex flex-col gap-4">
          <h3 className="text-sm font-semibold">The new version needs to know</h3>
          <SettingFields
            settings={missingSettings}
            values={settings}
            checked={checked}
            onChange={(name, value) => setTyped({ ...typed, [name]: value })}
          />
        </section>
      )}
      {call.isError ? <ProblemNote error={call.error} /> : null}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" disabled={isMissing} busy={call.isPending} onClick={start}>
          Update
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

interface Updated {
  view: AppView;
  name: string;
  onClose: () => void;
}

export function ManifestUpdate({ view, name, onClose }: Updated) {
  const [manifest, setManifest] = useState<string>();
  const [before, setBefore] = useState("");
  return manifest === undefined ? (
    <PasteDialog
      title={`Update ${name} from a manifest`}
      text="For a version no catalog of this device has. The device checks the manifest; whether its author can be trusted is up to you."
      before={before}
      onClose={onClose}
      onManifest={setManifest}
    />
  ) : (
    <CheckedUpdate
      view={view}
      name={name}
      manifest={manifest}
      onClose={onClose}
      onBack={() => {
        setBefore(manifest);
        setManifest(undefined);
      }}
    />
  );
}

function CheckedUpdate({
  view,
  name,
  manifest,
  onClose,
  onBack,
}: Updated & { manifest: string; /** To the manifest, so that it can be mended. */ onBack: () => void }) {
  const preflight = useQuery({
    queryKey: ["preflight", manifest],
    queryFn: ({ signal }) => device.call("POST /apps/preflight", { body: { manifest } }, { signal }),
    gcTime: 0,
    staleTime: Infinity,
  });
  const { data } = preflight;
  const app = data?.app;
  const obstacles = data?.obstacles ?? [];
  const blocking = obstacles.filter(blocksUpdate);
  const away = obstacles.find(({ code }) => code === "runtime-unavailable");
  if (data === undefined || app === undefined || app.id !== view.app.id || blocking.length > 0)
    return (
      <Dialog wide onClose={onClose} title={`Update ${name} from a manifest`}>
        {data === undefined ? (
          preflight.isError ? (
            <ProblemNote error={preflight.error} onRetry={() => void preflight.refetch()} />
          ) : (
            <Skeleton className="h-40" />
          )
        ) : app === undefined ? (
          <>
            <Banner tone="danger">This manifest cannot be used as it is.</Banner>
            <ManifestProblems problems={data.problems} />
          </>
        ) : app.id === view.app.id ? (
          blocking.map(({ code, detail }) => (
            <Banner key={code} tone="danger">
              {detail}
            </Banner>
          ))
        ) : (
          <Banner tone="danger">
            This is the manifest of another app: its id is {app.id}, and {name} has the id {view.app.id}.
          </Banner>
        )}
        <DialogButtons>
          <Button onClick={onBack}>Back</Button>
          <Button onClick={onClose}>Close</Button>
        </DialogButtons>
      </Dialog>
    );
  return (
    <UpdateDialog
      id={app.id}
      title={`Update ${name} to ${app.version}`}
      newGrants={newGrantsOf(app, view)}
      missingSettings={data.missingSettings ?? []}
      manifest={manifest}
      onClose={onClose}
      notes={
        <>
          <Banner tone="warn">
            Nobody but you vouches for this manifest. Use it only if you know who wrote it.
            {view.catalog === undefined
              ? null
              : " From then on the app is of no catalog and hears of no newer versions."}
          </Banner>
          {away === undefined ? null : <Banner tone="warn">{away.detail}</Banner>}
          {app.version === view.app.version ? (
            <Banner tone="calm">It says it is version {app.version}, which is the one that is there.</Banner>
          ) : null}
        </>
      }
    />
  );
}
