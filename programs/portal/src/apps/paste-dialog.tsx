/**
 * A manifest from the clipboard. Where it is another system's definition, the device translates it first: what that does not
 * say is asked for, what stands in the way is told, and what was changed is shown before anything else happens.
 */
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { device } from "../api/device.ts";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Field, TextArea } from "../design/field.tsx";
import { Banner, ProblemNote } from "../design/notes.tsx";
import type { CallInput, CallOutput } from "./calls.ts";
import { ManifestProblems } from "./manifest-problems.tsx";
import { systemInWords } from "./words.ts";

type Definition = CallInput<"POST /apps/translate">["body"];
type Translation = CallOutput<"POST /apps/translate">;

/** What the person says beside the definition; all of it is text while it is typed. */
interface Said {
  readonly file: string;
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly service: string;
  readonly port: string;
  readonly digests: Readonly<Record<string, string>>;
}

const nothingSaid: Said = { file: "", id: "", name: "", version: "", service: "", port: "", digests: {} };

/** What was ever asked for stays on the page: a second answer no longer names what it has been told. */
interface Asked {
  readonly file: string | undefined;
  readonly facts: ReadonlySet<Translation["unsaid"][number]>;
  readonly images: ReadonlySet<string>;
}

const nothingAsked: Asked = { file: undefined, facts: new Set(), images: new Set() };

function askedBy({ fileMissing, unsaid, undigested }: Translation, before: Asked): Asked {
  return {
    file: fileMissing ?? before.file,
    facts: new Set([...before.facts, ...unsaid]),
    images: new Set([...before.images, ...undigested]),
  };
}

function definitionOf(pasted: string, said: Said): Definition {
  const [file, id, name, version, service, port] = [
    said.file,
    said.id,
    said.name,
    said.version,
    said.service,
    said.port,
  ].map((text) => text.trim());
  const digests = Object.fromEntries(
    Object.entries(said.digests).flatMap(([image, digest]) => (digest.trim() === "" ? [] : [[image, digest.trim()]])),
  );
  return {
    files: file ? [pasted, said.file] : [pasted],
    ...(id ? { id } : {}),
    ...(name ? { name } : {}),
    ...(version ? { version } : {}),
    ...(service && /^[0-9]{1,5}$/.test(port ?? "") ? { web: { service, port: Number(port) } } : {}),
    ...(Object.keys(digests).length === 0 ? {} : { digests }),
  };
}

export function PasteDialog({
  title,
  text,
  before,
  onClose,
  onManifest,
}: {
  title: string;
  text: string;
  /** What is in the field at first: a manifest that was refused and is to be mended. */
  before: string;
  onClose: () => void;
  onManifest: (manifest: string) => void;
}) {
  const [pasted, setPasted] = useState(before);
  const [said, setSaid] = useState(nothingSaid);
  const [asked, setAsked] = useState(nothingAsked);
  const [foreign, setForeign] = useState<Translation>();
  const translate = useMutation({
    mutationFn: (body: Definition) => device.call("POST /apps/translate", { body }),
  });
  const onAnswer = (answer: Translation): void => {
    // What nobody knows is looked at as a manifest: the device says what is wrong with it.
    if (answer.from === undefined && asked === nothingAsked) return onManifest(pasted);
    if (answer.from === "manifest") return onManifest(pasted);
    setAsked(askedBy(answer, asked));
    return setForeign(answer);
  };
  // Given with the call, so that an answer after the dialog was left leads nowhere.
  const send = (): void => translate.mutate(definitionOf(pasted, said), { onSuccess: onAnswer });
  if (foreign !== undefined)
    return (
      <TranslationDialog
        // What was typed into the manifest belongs to the answer it was made from.
        key={foreign.manifest ?? ""}
        answer={foreign}
        asked={asked}
        said={said}
        onSay={setSaid}
        busy={translate.isPending}
        error={translate.error}
        onTranslate={send}
        onClose={onClose}
        onBack={() => {
          setForeign(undefined);
          setAsked(nothingAsked);
          setSaid(nothingSaid);
          translate.reset();
        }}
        onManifest={onManifest}
      />
    );
  return (
    <Dialog wide onClose={onClose} title={title} text={text}>
      <TextArea
        label="Manifest"
        rows={10}
        spellCheck={false}
        value={pasted}
        onChange={(event) => setPasted(event.currentTarget.value)}
        hint="A definition for Docker Compose, Umbrel, CasaOS or Runtipi works, too: the device translates it."
      />
      {translate.isError ? <ProblemNote error={translate.error} onRetry={send} /> : null}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="primary" disabled={pasted.trim() === ""} busy={translate.isPending} onClick={send}>
          Check it
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

/** Those that the fields above ask for are no news. */
const askedFor = new Set(["not-said", "image-not-by-digest"]);

function TranslationDialog({
  answer,
  asked,
  said,
  onSay,
  busy,
  error,
  onTranslate,
  onBack,
  onClose,
  onManifest,
}: {
  answer: Translation;
  asked: Asked;
  said: Said;
  onSay: (said: Said) => void;
  busy: boolean;
  error: Error | null;
  onTranslate: () => void;
  onBack: () => void;
  onClose: () => void;
  onManifest: (manifest: string) => void;
}) {
  const { manifest, notes } = answer;
  const [edited, setEdited] = useState(manifest ?? "");
  const system = systemInWords(answer.from);
  const isAsking = asked.file !== undefined || asked.facts.size > 0 || asked.images.size > 0;
  const problems = answer.problems.filter(({ code }) => !askedFor.has(code));
  return (
    <Dialog wide onClose={onClose} title={`A definition for ${system}`}>
      {manifest === undefined ? (
        <>
          {problems.length === 0 ? (
            <Banner tone="calm">The device can translate it. Some things it does not say have to come from you.</Banner>
          ) : (
            <>
              <Banner tone="danger">It cannot be translated as it is.</Banner>
              <ManifestProblems problems={problems} />
            </>
          )}
          {isAsking ? <AskedFields asked={asked} said={said} onSay={onSay} /> : null}
        </>
      ) : (
        <>
          <Banner tone="calm">This is what the device made of it. Nothing is installed yet.</Banner>
          <section className="flex flex-col gap-2">
            <h3 className="text-sm font-semibold">Changed on the way</h3>
            <ul className="flex list-disc flex-col gap-1 pl-5 text-sm text-ink-soft">
              {notes.map(({ path, text }) => (
                <li key={`${path} ${text}`} className="[overflow-wrap:anywhere]">
                  {text}
                </li>
              ))}
            </ul>
          </section>
          <TextArea
            label="Manifest"
            rows={10}
            spellCheck={false}
            value={edited}
            onChange={(event) => setEdited(event.currentTarget.value)}
          />
        </>
      )}
      {error === null ? null : <ProblemNote error={error} onRetry={onTranslate} />}
      <DialogButtons>
        <Button onClick={onBack}>Back</Button>
        {manifest !== undefined ? (
          <Button look="primary" disabled={edited.trim() === ""} onClick={() => onManifest(edited)}>
            Go on
          </Button>
        ) : isAsking ? (
          <Button look="primary" busy={busy} onClick={onTranslate}>
            Translate
          </Button>
        ) : null}
      </DialogButtons>
    </Dialog>
  );
}

function AskedFields({ asked, said, onSay }: { asked: Asked; said: Said; onSay: (said: Said) => void }) {
  const field = (key: Exclude<keyof Said, "digests" | "file">, label: string, hint?: string) => (
    <Field
      key={key}
      label={label}
      hint={hint}
      value={said[key]}
      autoCapitalize="off"
      autoCorrect="off"
      spellCheck={false}
      onChange={(event) => onSay({ ...said, [key]: event.currentTarget.value })}
    />
  );
  return (
    <>
      {asked.file === undefined ? null : (
        <TextArea
          label={asked.file}
          rows={8}
          spellCheck={false}
          value={said.file}
          hint="The other file of the definition; it lies beside the one you pasted."
          onChange={(event) => onSay({ ...said, file: event.currentTarget.value })}
        />
      )}
      {asked.facts.has("name") ? field("name", "Name", "As you want to read it.") : null}
      {asked.facts.has("id") ? field("id", "Short name", "Of a-z, 0-9 and -. The app's address begins with it.") : null}
      {asked.facts.has("version") ? field("version", "Version") : null}
      {asked.facts.has("web") ? (
        <>
          {field("service", "Service with the web page", "As it is called below services.")}
          {field("port", "Port of the web page", "The one in the container.")}
        </>
      ) : null}
      {[...asked.images].map((image) => (
        <Field
          key={image}
          label={`Digest of ${image}`}
          placeholder="sha256:…"
          hint="What this name stands for can change; the digest cannot. The image's page at its registry shows it."
          value={said.digests[image] ?? ""}
          autoCapitalize="off"
          autoCorrect="off"
          spellCheck={false}
          onChange={(event) => onSay({ ...said, digests: { ...said.digests, [image]: event.currentTarget.value } })}
        />
      ))}
    </>
  );
}
