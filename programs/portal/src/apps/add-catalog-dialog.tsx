/** A catalog's address and key, and the comparison of the key by the person before anything is fetched. */
import { useState } from "react";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Field } from "../design/field.tsx";
import { Banner, ProblemNote } from "../design/notes.tsx";
import { addressOf, isUnencrypted, keyInGroups, keyOf } from "./catalog-words.ts";
import { useCatalogCall } from "./queries.ts";

export function AddCatalogDialog({ onClose }: { onClose: () => void }) {
  const [address, setAddress] = useState("");
  const [key, setKey] = useState("");
  const [checked, setChecked] = useState(false);
  const [comparing, setComparing] = useState<{ readonly address: string; readonly publicKey: string }>();
  const folder = addressOf(address);
  const publicKey = keyOf(key);
  if (comparing !== undefined)
    return <CompareDialog {...comparing} onBack={() => setComparing(undefined)} onClose={onClose} />;
  return (
    <Dialog
      wide
      onClose={onClose}
      title="Add a catalog"
      text="Its publisher tells you both. Take the key from somewhere else than the address if you can: in person, or from a page you trust."
    >
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          setChecked(true);
          if (folder !== undefined && publicKey !== undefined) setComparing({ address: folder, publicKey });
        }}
      >
        <Field
          label="Address"
          inputMode="url"
          autoCapitalize="off"
          autoComplete="off"
          spellCheck={false}
          placeholder="https://example.org/apps"
          value={address}
          error={
            checked && folder === undefined ? "The address of a folder, such as https://example.org/apps." : undefined
          }
          onChange={(event) => setAddress(event.currentTarget.value)}
        />
        <Field
          label="Publisher's key"
          autoCapitalize="off"
          autoComplete="off"
          spellCheck={false}
          hint="64 digits from 0 to 9 and a to f; spaces do not matter."
          value={key}
          error={
            checked && publicKey === undefined
              ? "A key has 64 digits from 0 to 9 and a to f. Copy it whole."
              : undefined
          }
          onChange={(event) => setKey(event.currentTarget.value)}
        />
        <DialogButtons>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary">
            Compare the key
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}

function CompareDialog({
  address,
  publicKey,
  onBack,
  onClose,
}: {
  address: string;
  publicKey: string;
  onBack: () => void;
  onClose: () => void;
}) {
  const add = useCatalogCall("POST /catalogs", onClose);
  return (
    <Dialog
      wide
      onClose={onClose}
      title="Is this the publisher's key?"
      text="Whoever has this key decides which apps and updates you are offered from this catalog. Compare every group with what the publisher says."
    >
      <p
        aria-label="Publisher's key"
        className="rounded-xl bg-sunken px-4 py-3 font-mono text-[0.9375rem] leading-relaxed"
      >
        {/* Four groups a line: eyes find their place again. */}
        <span className="mx-auto block w-[19.5ch]">{keyInGroups(publicKey)}</span>
      </p>
      <p className="text-sm text-ink-soft [overflow-wrap:anywhere]">
        To be fetched from <span className="font-medium text-ink">{address}</span>
      </p>
      {isUnencrypted(address) ? (
        <Banner tone="warn">
          The connection is not encrypted: others on the way can see what is fetched, and hold it back. They cannot
          change it.
        </Banner>
      ) : null}
      {add.isError ? <ProblemNote error={add.error} /> : null}
      <DialogButtons>
        <Button disabled={add.isPending} onClick={onBack}>
          Back
        </Button>
        <Button look="primary" busy={add.isPending} onClick={() => add.mutate({ body: { address, publicKey } })}>
          It is, add the catalog
        </Button>
      </DialogButtons>
    </Dialog>
  );
}
