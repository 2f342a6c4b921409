/** Stands in red on every page of a device that runs without some of its protection, whoever looks at it. */
import { createContext, use, type ReactNode } from "react";
import { Banner } from "../design/notes.tsx";
import { insecureInWords } from "./insecure.ts";

const Insecure = createContext<readonly string[]>([]);

/** `names`: what the device was told to do without. */
export function InsecureNames({ names, children }: { names: readonly string[]; children: ReactNode }) {
  return <Insecure value={names}>{children}</Insecure>;
}

export function InsecureNotice() {
  const names = use(Insecure);
  if (names.length === 0) return null;
  return (
    <Banner tone="danger">
      <strong className="font-semibold">This device runs without some of its protection.</strong>{" "}
      {names.map(insecureInWords).join(" ")}
    </Banner>
  );
}
