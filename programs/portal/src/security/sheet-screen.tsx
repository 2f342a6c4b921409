import { Printer } from "lucide-react";
import { useSheet } from "../api/queries.ts";
import { Button } from "../design/button.tsx";
import { ProblemNote, Skeleton } from "../design/notes.tsx";
import { PrintedSheet, SheetPaper } from "./sheet-paper.tsx";
import { SubPage } from "./sub-page.tsx";

export function SheetScreen() {
  const sheet = useSheet();
  return (
    <SubPage
      wide
      title="Recovery sheet"
      text="It says where your network is found again and how you know this device, and has lines for your 24 words. The device does not keep them, so they are never printed: write them by hand."
    >
      <div className="flex flex-wrap gap-2">
        <Button
          look="primary"
          icon={<Printer aria-hidden="true" className="size-4" />}
          disabled={sheet.data === undefined}
          onClick={() => window.print()}
        >
          Print
        </Button>
      </div>
      {sheet.isError ? <ProblemNote error={sheet.error} onRetry={() => void sheet.refetch()} /> : null}
      {sheet.data === undefined ? (
        sheet.isError ? null : (
          <Skeleton className="h-96 w-full" />
        )
      ) : (
        <div className="rounded-2xl border border-line bg-surface p-5 shadow-soft sm:p-8">
          <SheetPaper sheet={sheet.data} />
        </div>
      )}
      <PrintedSheet />
    </SubPage>
  );
}
