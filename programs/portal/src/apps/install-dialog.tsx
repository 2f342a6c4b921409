/** From what an app needs to its install: facts, what it asks for, what it wants to know, and one button. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { device } from "../api/device.ts";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Banner, ProblemNote, Skeleton } from "../design/notes.tsx";
import { useRoute } from "../navigation.ts";
import { bytesInWords } from "../wording/bytes.ts";
import { GrantList, toggled } from "./grant-list.tsx";
import { ManifestProblems } from "./manifest-problems.tsx";
import { blocksInstall } from "./obstacles.ts";
import { type AppSource, type Grant, type Preflight, useAppCall } from "./queries.ts";
import { SettingFields } from "./setting-fields.tsx";
import { firstValues, inLanguage, valueTrouble } from "./words.ts";

export function InstallDialog({
  source,
  name,
  onClose,
  onBack,
}: {
  source: AppSource;
  name: string;
  onClose: () => void;
  /** To a manifest that was refused, so that it can be mended. */
  onBack: (manifest: string) => void;
}) {
  const { manifest } = source;
  const preflight = useQuery({
    queryKey: ["preflight", source],
    queryFn: ({ signal }) => device.call("POST /apps/preflight", { body: source }, { signal }),
    gcTime: 0,
    staleTime: Infinity,
  });
  return (
    <Dialog wide onClose={onClose} title={`Install ${name}`}>
      {preflight.data === undefined ? (
        <>
          {preflight.isError ? (
            <ProblemNote error={preflight.error} onRetry={() => void preflight.refetch()} />
          ) : (
            <Skeleton className="h-40" />
          )}
          <DialogButtons>
            <Button onClick={onClose}>Close</Button>
          </DialogButtons>
        </>
      ) : preflight.data.app === undefined ? (
        <RefusedManifest
          problems={preflight.data.problems}
          onClose={onClose}
          onBack={manifest === undefined ? undefined : () => onBack(manifest)}
        />
      ) : (
        <InstallForm source={source} preflight={preflight.data} app={preflight.data.app} onClose={onClose} />
      )}
    </Dialog>
  );
}

function RefusedManifest({
  problems,
  onClose,
  onBack,
}: {
  problems: Preflight["problems"];
  onClose: () => void;
  onBack: (() => void) | undefined;
}) {
  return (
    <>
      <Banner tone="danger">This manifest cannot be used as it is.</Banner>
      <ManifestProblems problems={problems} />
      <DialogButtons>
        {onBack === undefined ? null : <Button onClick={onBack}>Back</Button>}
        <Button onClick={onClose}>Close</Button>
      </DialogButtons>
    </>
  );
}

function InstallForm({
  source,
  preflight,
  app,
  onClose,
}: {
  source: AppSource;
  preflight: Preflight;
  app: NonNullable<Preflight["app"]>;
  onClose: () => void;
}) {
  const [, navigate] = useRoute();
  const [agreed, setAgreed] = useState<ReadonlySet<Grant["kind"]>>(new Set());
  const [values, setValues] = useState(() => firstValues(app.settings));
  const [checked, setChecked] = useState(false);
  const install = useAppCall("POST /apps", () => {
    onClose();
    navigate({ screen: "app", id: app.id });
  });
  const isBlocked = preflight.obstacles.some(blocksInstall);
  const missing = app.grants.filter(({ kind, required }) => required && !agreed.has(kind));
  const wrong = app.settings.some((setting) => valueTrouble(setting, values[setting.name] ?? "") !== undefined);
  const start = (): void => {
    setChecked(true);
    if (wrong || missing.length > 0) return;
    install.mutate({ body: { source, grants: [...agreed], settings: values } });
  };
  return (
    <>
      <p className="text-ink-soft">{inLanguage(app.summary, navigator.languages)}</p>
      {preflight.vouchedFor ? null : (
        <Banner tone="warn">Nobody but you vouches for this manifest. Install it only if you know who wrote it.</Banner>
      )}
      {preflight.obstacles.map((obstacle) => (
        <Banner key={obstacle.code} tone={blocksInstall(obstacle) ? "danger" : "warn"}>
          {obstacle.detail}
        </Banner>
      ))}
      <dl className="grid grid-cols-2 gap-x-6 gap-y-2 text-sm sm:grid-cols-3">
        <Fact name="Version">{app.version}</Fact>
        <Fact name="Memory, at most">{bytesInWords(app.memoryBytes)}</Fact>
        <Fact name="To download">
          {preflight.downloadBytes === undefined
            ? "not known"
            : preflight.downloadBytes === 0
              ? "nothing"
              : bytesInWords(preflight.downloadBytes)}
        </Fact>
        <Fact name="Free space">{bytesInWords(preflight.freeBytes)}</Fact>
      </dl>
      {app.grants.length === 0 ? (
        <p className="text-sm text-ink-soft">It asks for nothing: it reaches neither the internet nor anything else.</p>
      ) : (
        <section className="flex flex-col gap-2">
          <h3 className="text-sm font-semibold">It asks for</h3>
          <GrantList
            grants={app.grants}
            agreed={agreed}
            onChange={(kind, on) => setAgreed(toggled(agreed, kind, on))}
          />
          {checked && missing.length > 0 ? (
            <p role="alert" className="text-sm text-danger">
              It cannot be installed without what it needs. Allow it, or leave the app.
            </p>
          ) : null}
        </section>
      )}
      {app.settings.length === 0 ? null : (
        <section className="flex flex-col gap-4">
          <h3 className="text-sm font-semibold">Settings</h3>
          <SettingFields
            settings={app.settings}
            values={values}
            checked={checked}
            onChange={(name, value) => setValues({ ...values, [name]: value })}
          />
        </section>
      )}
      {install.isError ? <ProblemNote error={install.error} onRetry={start} /> : null}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" disabled={isBlocked} busy={install.isPending} onClick={start}>
          Install
        </Button>
      </DialogButtons>
    </>
  );
}

function Fact({ name, children }: { name: string; children: string }) {
  return (
    <div>
      <dt className="text-ink-soft">{name}</dt>
      <dd className="font-medium">{children}</dd>
    </div>
  );
}
