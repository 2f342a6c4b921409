/** A language-neutral case of docs/spec/metadata-content.md, as it stands in `vectors/metadata-content`. */
export type JsonCell = null | number | { readonly text: string } | { readonly blob: string };

export type MetadataContentCase =
  | { readonly operation: "encode-cells"; readonly input: { readonly cells: readonly JsonCell[] } }
  | { readonly operation: "decode-cells"; readonly input: { readonly bytes: string; readonly count: number } }
  | {
      readonly operation: "digest";
      readonly input: { readonly rows: readonly { readonly table: string; readonly cells: readonly JsonCell[] }[] };
    }
  | { readonly operation: "read-snapshot" | "decode-changes"; readonly input: { readonly bytes: string } };

export type MetadataContentVector = MetadataContentCase & {
  readonly spec: "metadata-content/1";
  readonly rule: string;
  readonly about: string;
  readonly expect: unknown;
};
