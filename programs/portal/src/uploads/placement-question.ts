/** Asks, one after the other, whether others store by now what was only on the device. */
export interface PlacementPort {
  /** What is still only on the device. */
  readonly pending: () => readonly { readonly key: string; readonly node: string }[];
  readonly read: (node: string) => Promise<"durable" | "pending" | undefined>;
  readonly placed: (key: string) => void;
  /** Whether the refusal is about this one alone, such as a file that was deleted since. */
  readonly concernsOne: (error: unknown) => boolean;
}

/** Asked while it is asking, it asks once more from the start: what was read first may be placed since. */
export function createPlacementQuestion(port: PlacementPort): () => Promise<void> {
  let asking = false;
  let again = false;
  async function round(): Promise<void> {
    for (const { key, node } of port.pending()) {
      try {
        if ((await port.read(node)) === "durable") port.placed(key);
      } catch (error) {
        // What stands in the way of all is asked about again with the next event.
        if (!port.concernsOne(error)) return;
      }
    }
  }
  return async () => {
    again = true;
    if (asking) return;
    asking = true;
    try {
      while (again) {
        again = false;
        await round();
      }
    } finally {
      asking = false;
    }
  };
}
