/** One app: how it is, what can be done with it, what it may, and what it keeps. */
import { ExternalLink, FileCode2, History, PackageX, Play, RefreshCw, Square, Trash2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { troubleOf } from "../api/problem.ts";
import { useTask } from "../api/queries.ts";
import { Button, buttonClass } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Group, Row } from "../design/group.tsx";
import { Banner, Empty, ProblemNote, Progress, Skeleton } from "../design/notes.tsx";
import { useToast } from "../design/toasts.tsx";
import { hrefOf, isAt, useRoute } from "../navigation.ts";
import { bytesInWords, progressInWords } from "../wording/bytes.ts";
import { untilInWords, whenInWords } from "../wording/time.ts";
import { BackupsGroup } from "./app-backups.tsx";
import { EventsGroup } from "./app-events.tsx";
import { AppIcon } from "./app-icon.tsx";
import { LogGroup, ProblemLog } from "./app-log.tsx";
import { ResourcesGroup } from "./app-resources.tsx";
import { AppSettings } from "./app-settings.tsx";
import { DeleteRollbackDialog } from "./delete-copy-dialogs.tsx";
import { GrantList, toggled } from "./grant-list.tsx";
import { BackLink } from "./page.tsx";
import { ManifestUpdate, UpdateDialog } from "./update-dialog.tsx";
import { type AppView, type Grant, useApp, useAppCall, useNotesUntilChange } from "./queries.ts";
import { ShownSecrets } from "./shown-secrets.tsx";
import { inLanguage, isChangeUnderWay, rollbackInWords, settledInWords, stateInWords } from "./words.ts";

type Asking = "update" | "manifest" | "rollback" | "delete-rollback" | "uninstall";

export function AppScreen({ id }: { id: string }) {
  const app = useApp(id);
  if (app.isError && troubleOf(app.error).code === "app-not-found")
    return (
      <div className="flex max-w-3xl flex-col gap-4">
        <BackLink name="Apps" to={{ screen: "apps" }} />
        <Empty
          picture={<PackageX strokeWidth={1.2} className="size-16" />}
          title="This app is not on the device any more"
        >
          <p>What was uninstalled waits for 30 days under Uninstalled.</p>
        </Empty>
      </div>
    );
  if (app.data === undefined)
    return (
      <div className="flex max-w-3xl flex-col gap-4">
        <BackLink name="Apps" to={{ screen: "apps" }} />
        {app.isError ? (
          <ProblemNote error={app.error} onRetry={() => void app.refetch()} />
        ) : (
          <Skeleton className="h-40" />
        )}
      </div>
    );
  return <Details view={app.data} />;
}

function Details({ view }: { view: AppView }) {
  const [asking, setAsking] = useState<Asking>();
  const { app, state } = view;
  const name = inLanguage(app.name, navigator.languages);
  const close = (): void => setAsking(undefined);
  // What was offered may be gone before its dialog hears the answer; another version asks on its own.
  if (asking === "update" && view.update === undefined) setAsking(undefined);
  const onConfigured = useToastWhenDone(settledInWords(view));
  return (
    <div className="flex max-w-3xl flex-col gap-6">
      <header className="flex flex-col gap-4">
        <BackLink name="Apps" to={{ screen: "apps" }} />
        <div className="flex flex-wrap items-center gap-4">
          <AppIcon icon={app.icon} className="size-16" />
          <div className="min-w-0 grow">
            <h1 className="text-2xl font-semibold">{name}</h1>
            <p className="text-ink-soft">
              {stateInWords(state)} · version {app.version}
            </p>
          </div>
          <Actions view={view} name={name} />
        </div>
        <State view={view} onAsk={setAsking} />
      </header>
      {view.update === undefined || isChangeUnderWay(view) ? null : (
        <Banner
          tone="calm"
          action={
            <Button
              className="-my-1 shrink-0"
              icon={<RefreshCw aria-hidden="true" className="size-4" />}
              onClick={() => setAsking("update")}
            >
              Update
            </Button>
          }
        >
          Version {view.update.version} is there.
        </Banner>
      )}
      {view.catalog !== undefined && view.catalog.title === undefined ? (
        <Banner
          tone="calm"
          action={
            <a href={hrefOf({ screen: "catalogs" })} className={buttonClass("secondary", "-my-1 shrink-0")}>
              Catalogs
            </a>
          }
        >
          This device does not have the catalog {name} came from, so it hears of no newer versions. Add the catalog
          again to get them.
        </Banner>
      ) : null}
      {view.hasShownSecrets ? <ShownSecrets id={app.id} /> : null}
      <Permissions key={view.granted.join()} view={view} />
      {app.settings.length === 0 ? null : (
        <AppSettings key={JSON.stringify(app.settings)} view={view} onTaken={onConfigured} />
      )}
      <Data view={view} onAsk={setAsking} />
      <BackupsGroup view={view} name={name} />
      <ResourcesGroup id={app.id} running={state === "running"} />
      <EventsGroup id={app.id} />
      <LogGroup id={app.id} />
      <Group title="Version">
        <Row name="A version no catalog of this device has can be given as a manifest.">
          <Button
            icon={<FileCode2 aria-hidden="true" className="size-4" />}
            disabled={isChangeUnderWay(view)}
            onClick={() => setAsking("manifest")}
          >
            Update from a manifest
          </Button>
        </Row>
      </Group>
      <Group title="Uninstall">
        <Row name="Its data is kept for 30 days and can be brought back.">
          <Button
            look="quiet-danger"
            icon={<Trash2 aria-hidden="true" className="size-4" />}
            onClick={() => setAsking("uninstall")}
          >
            Uninstall
          </Button>
        </Row>
      </Group>
      {asking === "update" && view.update !== undefined ? (
        <UpdateDialog
          id={app.id}
          title={`Update ${name} to ${view.update.version}`}
          newGrants={view.update.newGrants}
          missingSettings={view.update.missingSettings}
          onClose={close}
        />
      ) : null}
      {asking === "manifest" ? <ManifestUpdate view={view} name={name} onClose={close} /> : null}
      {asking === "rollback" ? <RollbackDialog view={view} name={name} onClose={close} /> : null}
      {asking === "delete-rollback" ? <DeleteRollbackDialog view={view} name={name} onClose={close} /> : null}
      {asking === "uninstall" ? <UninstallDialog id={app.id} name={name} onClose={close} /> : null}
    </div>
  );
}

/** Says the words once the task that it is told of has ended well; what has not is told by the app itself. */
function useToastWhenDone(text: string): (taskId: string) => void {
  const [taskId, setTaskId] = useState<string>();
  const state = useTask(taskId).data?.state;
  const say = useToast();
  useEffect(() => {
    if (state === undefined || state === "running") return;
    if (state === "done") say({ text });
    setTaskId(undefined);
  }, [state, text, say]);
  return setTaskId;
}

function Actions({ view, name }: { view: AppView; name: string }) {
  const params = { params: { id: view.app.id } };
  const start = useAppCall("POST /apps/{id}/start");
  const stop = useAppCall("POST /apps/{id}/stop");
  useNotesUntilChange(view, [start, stop]);
  const error = start.error ?? stop.error;
  return (
    <div className="flex flex-wrap items-center gap-2">
      {error === null ? null : <ProblemNote error={error} />}
      {view.wanted === "stopped" ? (
        <Button
          busy={start.isPending}
          icon={<Play aria-hidden="true" className="size-4" />}
          onClick={() => start.mutate(params)}
        >
          Start
        </Button>
      ) : (
        <Button
          busy={stop.isPending}
          icon={<Square aria-hidden="true" className="size-3.5" />}
          onClick={() => stop.mutate(params)}
        >
          Stop
        </Button>
      )}
      {view.openUrl === undefined || view.state !== "running" ? null : (
        <a
          href={view.openUrl}
          target="_blank"
          rel="noreferrer"
          className={buttonClass("primary")}
          aria-label={`Open ${name}`}
        >
          <ExternalLink aria-hidden="true" className="size-4" />
          Open
        </a>
      )}
    </div>
  );
}

function State({ view, onAsk }: { view: AppView; onAsk: (asking: Asking) => void }) {
  const { state, step, doneBytes, totalBytes = 0, problem, rollback } = view;
  const retry = useAppCall("POST /apps/{id}/retry");
  const putAway = useAppCall("DELETE /apps/{id}/notices/{noticeId}");
  useNotesUntilChange(view, [retry, putAway]);
  const error = retry.error ?? putAway.error;
  return (
    <>
      {step === undefined ? null : (
        <div
          aria-live="polite"
          className="flex flex-col gap-2 rounded-2xl border border-line bg-surface px-4 py-3 shadow-soft"
        >
          <div className="flex flex-wrap justify-between gap-x-4 text-sm">
            <span>{step}</span>
            {doneBytes === undefined || totalBytes === 0 ? null : (
              <span className="text-ink-soft tabular-nums">{progressInWords(doneBytes, totalBytes)}</span>
            )}
          </div>
          <Progress name={step} done={doneBytes ?? 0} total={totalBytes} />
        </div>
      )}
      {problem === undefined ? null : (
        <Banner
          tone={state === "failed" ? "danger" : "warn"}
          action={
            problem.notice === undefined ? (
              step === undefined ? (
                <Button
                  className="-my-1 shrink-0"
                  busy={retry.isPending}
                  onClick={() => retry.mutate({ params: { id: view.app.id } })}
                >
                  {state === "failed" ? "Try again" : "Try now"}
                </Button>
              ) : undefined
            ) : (
              <Button
                className="-my-1 shrink-0"
                busy={putAway.isPending}
                onClick={() => putAway.mutate({ params: { id: view.app.id, noticeId: problem.notice ?? "" } })}
              >
                Dismiss
              </Button>
            )
          }
        >
          <strong className="font-semibold">{problem.detail}</strong> {problem.nextStep}
          {problem.retryAtMs === undefined
            ? null
            : ` Tried again by itself ${untilInWords(problem.retryAtMs, Date.now())}.`}
          {problem.systemSaid === undefined ? null : (
            <span className="mt-1 block text-sm [overflow-wrap:anywhere]">The system said: {problem.systemSaid}</span>
          )}
        </Banner>
      )}
      {error === null ? null : <ProblemNote error={error} />}
      {problem?.hasLog === true ? <ProblemLog id={view.app.id} told={problem.detail} /> : null}
      {state === "failed" && rollback !== undefined ? (
        <Button
          className="self-start"
          icon={<History aria-hidden="true" className="size-4" />}
          onClick={() => onAsk("rollback")}
        >
          Go back to version {rollback.version}
        </Button>
      ) : null}
    </>
  );
}

function Permissions({ view }: { view: AppView }) {
  const [agreed, setAgreed] = useState<ReadonlySet<Grant["kind"]>>(new Set(view.granted));
  const save = useAppCall("POST /apps/{id}/configure");
  const { grants, id } = view.app;
  const same = agreed.size === view.granted.length && view.granted.every((kind) => agreed.has(kind));
  if (grants.length === 0)
    return (
      <Group title="Permissions">
        <p className="py-4 text-ink-soft">
          None. It reaches neither the internet, nor your home network, nor other apps.
        </p>
      </Group>
    );
  return (
    <Group title="Permissions">
      <div className="flex flex-col gap-3 py-4">
        <GrantList grants={grants} agreed={agreed} onChange={(kind, on) => setAgreed(toggled(agreed, kind, on))} />
        {save.isError ? <ProblemNote error={save.error} /> : null}
        {same ? null : (
          <Button
            look="primary"
            className="self-end"
            busy={save.isPending}
            disabled={isChangeUnderWay(view)}
            onClick={() => save.mutate({ params: { id }, body: { grants: [...agreed] } })}
          >
            Save and restart the app
          </Button>
        )}
      </div>
    </Group>
  );
}

function Data({ view, onAsk }: { view: AppView; onAsk: (asking: Asking) => void }) {
  const now = Date.now();
  const { volumes } = view.app;
  return (
    <Group title="Data">
      {volumes.length === 0 ? <p className="py-4 text-ink-soft">It keeps no data.</p> : null}
      {volumes.map(({ name, title, usedBytes, backup: isKept }) => (
        <Row key={name} name={inLanguage(title, navigator.languages)}>
          <span className="tabular-nums">{usedBytes === undefined ? "not known yet" : bytesInWords(usedBytes)}</span>
          {isKept ? null : <span className="text-ink-soft"> · not in backups</span>}
        </Row>
      ))}
      {view.rollback === undefined ? null : (
        <Row name={`Version ${view.rollback.version}, as it was ${whenInWords(view.rollback.takenAtMs, now)}`}>
          <span className="flex items-center gap-2 sm:justify-end">
            <Button
              icon={<History aria-hidden="true" className="size-4" />}
              disabled={isChangeUnderWay(view)}
              onClick={() => onAsk("rollback")}
            >
              Go back
            </Button>
            <Button
              look="quiet-danger"
              aria-label={`Delete the copy of version ${view.rollback.version}`}
              onClick={() => onAsk("delete-rollback")}
            >
              Delete
            </Button>
          </span>
        </Row>
      )}
    </Group>
  );
}

function RollbackDialog({ view, name, onClose }: { view: AppView; name: string; onClose: () => void }) {
  const call = useAppCall("POST /apps/{id}/rollback", onClose);
  const { rollback } = view;
  return (
    <Dialog
      role="alertdialog"
      onClose={onClose}
      title={`Go back to version ${rollback?.version ?? ""}`}
      text={rollback === undefined ? "" : rollbackInWords(name, rollback)}
    >
      {call.isError ? <ProblemNote error={call.error} /> : null}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" busy={call.isPending} onClick={() => call.mutate({ params: { id: view.app.id } })}>
          Go back
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

function UninstallDialog({ id, name, onClose }: { id: string; name: string; onClose: () => void }) {
  const [, navigate] = useRoute();
  const stays = useRef(false);
  // The dialog goes with the app, perhaps before the answer is there.
  const call = useAppCall("DELETE /apps/{id}", undefined, () => {
    if (stays.current || !isAt({ screen: "app", id })) return;
    onClose();
    navigate({ screen: "apps" });
  });
  const cancel = (): void => {
    stays.current = true;
    onClose();
  };
  return (
    <Dialog
      role="alertdialog"
      onClose={cancel}
      title={`Uninstall ${name}`}
      text="It stops, and its data waits for 30 days under Uninstalled. Until then you can bring it back as it was."
    >
      {call.isError ? <ProblemNote error={call.error} /> : null}
      <DialogButtons>
        <Button onClick={cancel}>Cancel</Button>
        <Button look="danger" busy={call.isPending} onClick={() => call.mutate({ params: { id } })}>
          Uninstall
        </Button>
      </DialogButtons>
    </Dialog>
  );
}
