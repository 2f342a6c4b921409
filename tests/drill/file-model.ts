/** What the owner has been told, kept apart from what the device says: the drill compares the two after each crash. */
import {
  createUpload,
  DeviceProblem,
  downloadDigest,
  seededDigest,
  seededStream,
  sendUpload,
  uploadOffset,
  type DeviceSession,
} from "@piccolo/devnet";
import type { DrillContext } from "./drill.ts";

interface KnownFile {
  readonly nodeId: string;
  readonly seed: string;
  readonly sizeBytes: number;
  name: string;
}

interface NodeView {
  readonly id: string;
  readonly name: string;
  readonly sizeBytes?: number;
}

interface StartedUpload {
  readonly uploadId: string;
  readonly filename: string;
  readonly seed: string;
  readonly sizeBytes: number;
}

/** An operation that was asked for and whose answer never came: both outcomes are right, a third one is not. */
type Unanswered =
  | { readonly kind: "upload"; readonly upload: StartedUpload }
  | { readonly kind: "rename"; readonly file: KnownFile; readonly next: string }
  | { readonly kind: "delete"; readonly file: KnownFile };

export class FileModel {
  readonly #drill: DrillContext;
  readonly #session: DeviceSession;
  #files: KnownFile[] = [];
  #inFlight = 0;
  #cut = 0;
  #unanswered: Unanswered[] = [];
  #counter = 0;

  constructor(drill: DrillContext, session: DeviceSession) {
    this.#drill = drill;
    this.#session = session;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Operations so far whose connection broke before their answer came. */
  get cut(): number {
    return this.#cut;
  }

  get fileCount(): number {
    return this.#files.length;
  }

  async #operate(unanswered: Unanswered, operation: () => Promise<void>): Promise<void> {
    this.#inFlight++;
    try {
      await operation();
    } catch (error) {
      // A refusal is an answer; a broken connection is none. Holders that die may make a device ask for patience.
      const refused = error instanceof DeviceProblem;
      if (refused && (error.problem.status < 500 || error.problem.code === "internal")) throw error;
      if (!refused) this.#cut++;
      this.#unanswered.push(unanswered);
    } finally {
      this.#inFlight--;
    }
  }

  async upload(sizeBytes: number): Promise<void> {
    const number = this.#counter++;
    const seed = `${this.#drill.options.seed}:file-${number}`;
    const filename = `file-${number}.bin`;
    const source = { filename, sizeBytes, content: (offset: number) => seededStream(seed, sizeBytes, offset) };
    let uploadId: string;
    try {
      uploadId = await createUpload(this.#session, source);
    } catch {
      // Not even announced: nothing of it may be visible, which the check for unknown names covers.
      return;
    }
    const upload = { uploadId, filename, seed, sizeBytes };
    await this.#operate({ kind: "upload", upload }, async () => {
      const { nodeId } = await sendUpload(this.#session, uploadId, source, 0);
      this.#files.push({ nodeId, seed, sizeBytes, name: filename });
    });
  }

  async rename(): Promise<void> {
    const file = this.#takeFile();
    if (file === undefined) return;
    const next = `renamed-${this.#counter++}.bin`;
    await this.#operate({ kind: "rename", file, next }, async () => {
      await this.#session.call("PATCH", `/files/${file.nodeId}`, { name: next });
      this.#files.push({ ...file, name: next });
    });
  }

  async delete(): Promise<void> {
    const file = this.#takeFile();
    if (file === undefined) return;
    await this.#operate({ kind: "delete", file }, async () => {
      await this.#session.call("DELETE", `/files/${file.nodeId}`);
    });
  }

  /** A file under an operation is out of the list until its answer, so that no second operation touches it. */
  #takeFile(): KnownFile | undefined {
    if (this.#files.length === 0) return undefined;
    const [file] = this.#files.splice(this.#drill.below(this.#files.length), 1);
    return file;
  }

  async #visible(): Promise<NodeView[]> {
    const nodes: NodeView[] = [];
    let cursor: string | undefined;
    do {
      const page: { nodes: NodeView[]; nextCursor?: string } = await this.#session.call(
        "GET",
        `/files?parent=root&limit=200${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      nodes.push(...page.nodes);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return nodes;
  }

  /** Settles what was unanswered by looking, checks every listing, and reads `reads` files back (all when undefined). */
  async verify(reads?: number): Promise<void> {
    const visible = await this.#visible();
    const byId = new Map(visible.map((node) => [node.id, node]));
    for (const unanswered of this.#unanswered.splice(0)) await this.#settle(unanswered, visible, byId);
    for (const file of this.#files) {
      this.#drill.equal(`${file.name} is listed under its acknowledged name`, byId.get(file.nodeId)?.name, file.name);
    }
    const known = new Set(this.#files.map(({ nodeId }) => nodeId));
    this.#drill.equal(
      "nothing is visible that was neither acknowledged nor asked for",
      visible.filter(({ id }) => !known.has(id)).map(({ name }) => name),
      [],
    );
    const chosen = reads === undefined ? this.#files : this.#drill.sample(this.#files, reads);
    for (const file of chosen) await this.#checkContent(file);
  }

  async #checkContent(file: KnownFile): Promise<void> {
    this.#drill.equal(`${file.name} is bit-identical`, await downloadDigest(this.#session, file.nodeId), {
      digest: seededDigest(file.seed, file.sizeBytes),
      sizeBytes: file.sizeBytes,
    });
  }

  async #settle(
    unanswered: Unanswered,
    visible: readonly NodeView[],
    byId: ReadonlyMap<string, NodeView>,
  ): Promise<void> {
    switch (unanswered.kind) {
      case "upload": {
        const { upload } = unanswered;
        const node = visible.find(({ name }) => name === upload.filename);
        const file = node ?? (await this.#resume(upload));
        const known = { nodeId: file.id, seed: upload.seed, sizeBytes: upload.sizeBytes, name: upload.filename };
        await this.#checkContent(known);
        this.#files.push(known);
        if (node === undefined) (byId as Map<string, NodeView>).set(file.id, file);
        return;
      }
      case "rename": {
        const name = byId.get(unanswered.file.nodeId)?.name;
        this.#drill.check(
          `a cut rename left ${name} instead of ${unanswered.file.name} or ${unanswered.next}`,
          name === unanswered.file.name || name === unanswered.next,
        );
        this.#files.push({ ...unanswered.file, name: name ?? unanswered.file.name });
        return;
      }
      case "delete": {
        const node = byId.get(unanswered.file.nodeId);
        if (node === undefined) {
          const { nodes } = await this.#session.call<{ nodes: NodeView[] }>("GET", "/trash");
          this.#drill.check(
            `a cut delete left ${unanswered.file.name} neither in its folder nor in the trash`,
            nodes.some(({ id }) => id === unanswered.file.nodeId),
          );
        } else {
          this.#files.push(unanswered.file);
        }
        return;
      }
    }
  }

  /** An upload that was cut and is not visible goes on from the end of its last durable segment. */
  async #resume(upload: StartedUpload): Promise<NodeView> {
    const offset = await uploadOffset(this.#session, upload.uploadId);
    this.#drill.check(`the offset ${offset} lies within the upload`, offset >= 0 && offset <= upload.sizeBytes);
    const { nodeId } = await sendUpload(
      this.#session,
      upload.uploadId,
      {
        filename: upload.filename,
        sizeBytes: upload.sizeBytes,
        content: (from) => seededStream(upload.seed, upload.sizeBytes, from),
      },
      offset,
    );
    return { id: nodeId, name: upload.filename };
  }
}
