/** One vector: a text and what the check says of it. Places are left out: they follow from path and text. */
export interface Vector {
  readonly about: string;
  readonly operation: "check";
  /** The text is the parts one after another, each so many times. */
  readonly input: { readonly parts: readonly { readonly text: string; readonly times: number }[] };
  readonly expect:
    | { readonly problems: readonly { readonly code: string; readonly path: string }[] }
    | { readonly manifest: unknown };
}
