/** Another device took this one's place: wanted, or a theft. */
import { useRoute } from "../navigation.ts";
import type { Status } from "../api/queries.ts";
import { Button } from "../design/button.tsx";
import { Banner } from "../design/notes.tsx";
import { QuietPage } from "../session/page.tsx";
import { momentInWords } from "../wording/time.ts";

export function Replaced({ status, atMs, onLeave }: { status: Status; atMs: number; onLeave: () => void }) {
  const [, navigate] = useRoute();
  const go = (part: "reset" | "reclaim"): void => {
    navigate({ screen: "security", part });
    onLeave();
  };
  return (
    <QuietPage
      title="Another device has taken over"
      text={`On ${momentInWords(atMs)} a device that knows your recovery phrase took the place of ${status.deviceName}. This one has stopped and changes nothing any more.`}
    >
      <Banner tone="danger" role="alert">
        If that was not you, somebody has your recovery phrase and can read your files.
      </Banner>
      <div className="flex flex-col gap-4">
        <Choice
          title="It was not me"
          text="Take your account back under a new phrase, and shut the other device out."
          button={
            <Button look="danger" onClick={() => go("reclaim")} className="md:min-h-11">
              Take my account back
            </Button>
          }
        />
        <Choice
          title="It was me"
          text="Your files are on the new device. Reset this one before you give it away or use it anew."
          button={
            <Button onClick={() => go("reset")} className="md:min-h-11">
              Reset this device
            </Button>
          }
        />
      </div>
      <Button look="quiet" className="self-center" onClick={onLeave}>
        Not now
      </Button>
    </QuietPage>
  );
}

function Choice({ title, text, button }: { title: string; text: string; button: React.ReactNode }) {
  return (
    <section className="flex flex-col gap-4 rounded-2xl border border-line bg-surface p-5 shadow-soft">
      <div>
        <h2 className="text-lg font-semibold">{title}</h2>
        <p className="text-ink-soft">{text}</p>
      </div>
      {button}
    </section>
  );
}
