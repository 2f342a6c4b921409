/** Which of its states the page is in: no answer, closed, no owner, locked, nobody signed in, or at work. */
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { keys } from "./api/keys.ts";
import { Live } from "./api/live.tsx";
import { entryAddress } from "./apps/entry.ts";
import { useNetwork, useSecurity, useSession, useStatus, type Status } from "./api/queries.ts";
import { ProblemNote } from "./design/notes.tsx";
import { Mark } from "./design/ring.tsx";
import { useRoute } from "./navigation.ts";
import { home } from "./routes.ts";
import { Screens } from "./routes.tsx";
import { FirstPhrase } from "./security/first-phrase.tsx";
import { Replaced } from "./security/replaced.tsx";
import type { NewPhrase } from "./security/show-phrase.tsx";
import { useSecret } from "./security/use-secret.ts";
import { useClaimLink } from "./session/arriving-link.ts";
import { Closed } from "./session/closed.tsx";
import { JoinPage } from "./session/join.tsx";
import { Locked } from "./session/locked.tsx";
import { QuietPage } from "./session/page.tsx";
import { Recover } from "./session/recover.tsx";
import { Resetting } from "./session/resetting.tsx";
import { SetUp } from "./session/set-up.tsx";
import { SignIn } from "./session/sign-in.tsx";
import { texts } from "./session/texts.ts";
import { InsecureNames } from "./settings/insecure-notice.tsx";
import { Shell } from "./shell.tsx";
import { useUploadsWarning } from "./uploads/use-uploads-warning.ts";
import type { Uploads } from "./uploads/uploads.ts";

export function App({ uploads }: { uploads: Uploads }) {
  const { data } = useStatus();
  useUploadsWarning(uploads);
  return (
    <InsecureNames names={data?.insecure ?? []}>
      <Page uploads={uploads} />
    </InsecureNames>
  );
}

function Page({ uploads }: { uploads: Uploads }) {
  const claimLink = useClaimLink();
  const client = useQueryClient();
  const status = useStatus();
  const [route, navigate] = useRoute();
  // What has to be seen to its end, whatever the device's state is meanwhile.
  const [phrase, setPhrase] = useSecret<NewPhrase | undefined>(undefined);
  const [recovering, setRecovering] = useState(false);
  const [resetting, setResetting] = useState(false);
  // Here, because it has to outlive a lock: who put joining off is not asked again after each password.
  const [joinLeft, setJoinLeft] = useState(false);
  const onReset = useCallback(() => setResetting(true), []);
  // Stays while the device is asked once more, which forgets why the last answer did not come.
  const [silence, setSilence] = useState<Error | null>(null);
  if (status.error !== null && status.error !== silence) setSilence(status.error);
  const phase = status.data?.phase;
  useEffect(() => {
    // Names of files have no business in the memory of a page whose device has put away the keys to them.
    if (phase === "locked" || phase === "closed")
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== keys.status[0] });
  }, [client, phase]);

  if (resetting) return <Resetting />;
  // What is known stays in use while the device does not answer: the shell says that it does not.
  if (status.data === undefined)
    return silence !== null ? (
      <QuietPage title="The device does not answer">
        <ProblemNote error={silence} onRetry={() => void status.refetch()} />
      </QuietPage>
    ) : (
      <Waiting />
    );
  const { signedIn, deviceName } = status.data;
  if (phrase !== undefined) return <FirstPhrase phrase={phrase} onDone={() => setPhrase(undefined)} />;
  if (recovering || (phase === "unclaimed" && (signedIn || route.screen === "recover")))
    return (
      <Recover
        deviceName={deviceName}
        onReset={onReset}
        link={claimLink}
        begun={signedIn}
        onRunning={setRecovering}
        onDone={() => {
          setRecovering(false);
          navigate(home, { replace: true });
          void client.invalidateQueries();
        }}
      />
    );
  if (phase === "closed") return <Closed status={status.data} link={claimLink} onReset={onReset} />;
  if (phase === "unclaimed") return <SetUp link={claimLink} onPhrase={setPhrase} />;
  const note = claimLink === undefined ? undefined : texts.claimedAlready;
  if (phase === "locked") return <Locked deviceName={deviceName} note={note} />;
  if (!signedIn) return <SignIn deviceName={deviceName} note={note} />;
  return (
    <Live uploads={uploads}>
      <AtWork
        status={status.data}
        uploads={uploads}
        onReset={onReset}
        joinLeft={joinLeft}
        onJoinLeft={() => setJoinLeft(true)}
      />
    </Live>
  );
}

function Waiting() {
  return (
    <main aria-busy="true" aria-label="Loading" className="flex min-h-dvh items-center justify-center">
      <Mark className="size-12 animate-breathe" />
    </main>
  );
}

function AtWork({
  status,
  uploads,
  onReset,
  joinLeft,
  onJoinLeft,
}: {
  status: Status;
  uploads: Uploads;
  onReset: () => void;
  joinLeft: boolean;
  onJoinLeft: () => void;
}) {
  const session = useSession();
  const network = useNetwork();
  const security = useSecurity();
  // The step of joining stays until the person leaves it, also once it is done.
  const [joinBegan, setJoinBegan] = useState(false);
  const [replacedLeft, setReplacedLeft] = useState(false);
  // An app's page sent the person here to sign in: that is done, so the way leads back.
  useEffect(() => {
    const address = entryAddress(location.search);
    if (address !== undefined) location.replace(address);
  }, []);
  const error = session.error ?? network.error;
  if (session.data === undefined || network.data === undefined)
    return error === null ? (
      <Waiting />
    ) : (
      <QuietPage title={status.deviceName}>
        <ProblemNote
          error={error}
          onRetry={() => {
            void session.refetch();
            void network.refetch();
          }}
        />
      </QuietPage>
    );
  const replaced = security.data?.replaced;
  if (replaced !== undefined && !replacedLeft)
    return <Replaced status={status} atMs={replaced.atMs} onLeave={() => setReplacedLeft(true)} />;
  const outside = network.data.state !== "member";
  if (outside && !joinBegan) setJoinBegan(true);
  if (!joinLeft && (outside || joinBegan)) return <JoinPage network={network.data} onDone={onJoinLeft} />;
  const parts = { status, session: session.data, network: network.data, security: security.data, uploads };
  return (
    <Shell {...parts}>
      <Screens {...parts} onReset={onReset} />
    </Shell>
  );
}
