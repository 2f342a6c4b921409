/** Generated values the app shows to its owner; read when asked for, and forgotten with the page. */
import { useState } from "react";
import type { CallOutput } from "@piccolo/device-api/client";
import { device } from "../api/device.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Group, Row } from "../design/group.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { inLanguage } from "./words.ts";

type Secrets = CallOutput<"GET /apps/{id}/secrets">["secrets"];

export function ShownSecrets({ id }: { id: string }) {
  const [secrets, setSecrets] = useState<Secrets>();
  const read = useCall(async () =>
    setSecrets((await device.call("GET /apps/{id}/secrets", { params: { id } })).secrets),
  );
  return (
    <Group title="First sign-in">
      {secrets === undefined ? (
        <Row name="This device made a password for the app.">
          {read.error === undefined ? null : <ProblemNote error={read.error} />}
          <Button busy={read.pending} onClick={() => read.run()}>
            Show
          </Button>
        </Row>
      ) : (
        secrets.map(({ name, label, value }) => (
          <Row key={name} name={inLanguage(label, navigator.languages)}>
            <code className="rounded-md bg-sunken px-2 py-1 font-mono text-sm select-all">{value}</code>
          </Row>
        ))
      )}
    </Group>
  );
}
