/** Which of the four states the page is in: no answer, no owner, nobody signed in, or at work. */
import { useState } from "react";
import { Live } from "./api/live.tsx";
import { useNetwork, useSession, useStatus, type Status } from "./api/queries.ts";
import { ProblemNote } from "./design/notes.tsx";
import { Mark } from "./design/ring.tsx";
import { Screens } from "./routes.tsx";
import type { ClaimLink } from "./session/claim-link.ts";
import { JoinPage } from "./session/join.tsx";
import { QuietPage } from "./session/page.tsx";
import { SetUp } from "./session/set-up.tsx";
import { SignIn } from "./session/sign-in.tsx";
import { texts } from "./session/texts.ts";
import { Shell } from "./shell.tsx";
import type { Uploads } from "./uploads/uploads.ts";

export function App({ claimLink, uploads }: { claimLink: ClaimLink | undefined; uploads: Uploads }) {
  const status = useStatus();
  // What is known stays in use while the device does not answer: the shell says that it does not.
  if (status.data === undefined)
    return status.isError ? (
      <QuietPage title="The device does not answer">
        <ProblemNote error={status.error} onRetry={() => void status.refetch()} />
      </QuietPage>
    ) : (
      <Waiting />
    );
  if (status.data.phase === "unclaimed") return <SetUp link={claimLink} />;
  if (!status.data.signedIn)
    return (
      <SignIn deviceName={status.data.deviceName} note={claimLink === undefined ? undefined : texts.claimedAlready} />
    );
  return (
    <Live uploads={uploads}>
      <AtWork status={status.data} uploads={uploads} />
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

function AtWork({ status, uploads }: { status: Status; uploads: Uploads }) {
  const session = useSession();
  const network = useNetwork();
  // The step of joining stays until the person leaves it, also once it is done.
  const [joinLeft, setJoinLeft] = useState(false);
  const [joinBegan, setJoinBegan] = useState(false);
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
  const outside = network.data.state !== "member";
  if (outside && !joinBegan) setJoinBegan(true);
  if (!joinLeft && (outside || joinBegan)) return <JoinPage network={network.data} onDone={() => setJoinLeft(true)} />;
  return (
    <Shell status={status} session={session.data} network={network.data} uploads={uploads}>
      <Screens status={status} session={session.data} network={network.data} uploads={uploads} />
    </Shell>
  );
}
