/** What the owner has been told, kept apart from what the device says: the drill compares the two after each crash. */
import {
  createUpload,
  DeviceProblem,
  downloadDigest,
  placementOf,
  seededDigest,
  seededStream,
  sendUpload,
  uploadFile,
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
  readonly kind: "folder" | "file";
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
  /** An empty file is whole with its announcement. */
  | { readonly kind: "empty"; readonly filename: string; readonly seed: string }
  | { readonly kind: "rename"; readonly file: KnownFile; readonly next: string }
  | { readonly kind: "delete"; readonly file: KnownFile };

/** Everything directly in a folder. */
async function listed(session: DeviceSession, parent: string): Promise<NodeView[]> {
  const nodes: NodeView[] = [];
  let cursor: string | undefined;
  do {
    const page: { nodes: NodeView[]; nextCursor?: string } = await session.call(
      "GET",
      `/files?parent=${parent}&limit=200${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
    );
    nodes.push(...page.nodes);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return nodes;
}

/** Runs the work on each item, a few at a time. */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
}

interface TreeFile {
  readonly folder: string;
  readonly filename: string;
  readonly seed: string;
  readonly sizeBytes: number;
}

const treeSizesBytes = [0, 1, 700, 16_384, 16_384, 65_536, 70_000, 200_000];

/**
 * Files in folders as the device acknowledged them: whatever happens to it, each must be there under its path and
 * bit-identical, and nothing else but what was asked for and never answered.
 */
export class FileTree {
  readonly #drill: DrillContext;
  readonly #name: string;
  /** By path. */
  readonly #acknowledged = new Map<string, TreeFile & { readonly nodeId: string }>();
  readonly #unanswered = new Map<string, TreeFile>();
  /** Ids by name; they stay the same on whichever device. */
  readonly #folders = new Map<string, string>();
  #counter = 0;

  /** `name` tells the files of one tree from those of another one. */
  constructor(drill: DrillContext, name: string) {
    this.#drill = drill;
    this.#name = name;
  }

  get count(): number {
    return this.#acknowledged.size;
  }

  /** Writes files of a few sizes into so many folders. */
  async write(session: DeviceSession, files: number, folders: number): Promise<void> {
    for (let at = this.#folders.size; at < folders; at++) {
      const name = `${this.#name}-folder-${at}`;
      const { id } = await session.call<{ id: string }>("POST", "/files/folders", { parent: "root", name });
      this.#folders.set(name, id);
    }
    await eachOf(
      Array.from({ length: files }, () => this.#next()),
      (file) => this.#upload(session, file),
    );
  }

  /** Goes on writing until the device is gone; what it acknowledged before counts. */
  async writeUntilGone(session: DeviceSession): Promise<void> {
    const lane = async (): Promise<void> => {
      for (;;) {
        const file = this.#next();
        const path = `${file.folder}/${file.filename}`;
        this.#unanswered.set(path, file);
        try {
          await this.#upload(session, file);
        } catch (error) {
          if (error instanceof DeviceProblem && error.problem.status < 500) throw error;
          return;
        }
        this.#unanswered.delete(path);
      }
    };
    await Promise.all([lane(), lane()]);
  }

  #next(): TreeFile {
    const number = this.#counter++;
    return {
      folder: this.#drill.pick([...this.#folders.keys()]),
      filename: `${this.#name}-${number}.bin`,
      seed: `${this.#drill.options.seed}:${this.#name}-${number}`,
      sizeBytes: this.#drill.pick(treeSizesBytes),
    };
  }

  async #upload(session: DeviceSession, file: TreeFile): Promise<void> {
    const { folder, filename, seed, sizeBytes } = file;
    const parent = this.#folders.get(folder) ?? "root";
    const content = (from: number) => seededStream(seed, sizeBytes, from);
    const { nodeId } = await uploadFile(session, { filename, sizeBytes, parent, content });
    this.#acknowledged.set(`${folder}/${filename}`, { ...file, nodeId });
  }

  /** Resolves when every fragment of every file has its holder. */
  async placed(session: DeviceSession): Promise<void> {
    for (const [path, { nodeId }] of this.#acknowledged) {
      await this.#drill.eventually(`all fragments of ${path} are placed`, async () => {
        const { survives, n, k, pendingBytes } = await placementOf(session, nodeId);
        return pendingBytes === 0 && survives === n - k;
      });
    }
  }

  /** Compares all that this tree's folders show; reads `reads` files back (all when undefined). */
  async verify(session: DeviceSession, reads?: number): Promise<void> {
    const drill = this.#drill;
    const shown = new Map<string, NodeView>();
    const folders = (await listed(session, "root")).filter(({ name }) => this.#folders.has(name));
    await eachOf(folders, async (folder) => {
      for (const node of await listed(session, folder.id)) shown.set(`${folder.name}/${node.name}`, node);
    });
    const missing = [...this.#acknowledged.keys()].filter((path) => !shown.has(path));
    drill.equal("acknowledged files that are not there", missing, []);
    const isKnown = (path: string): boolean => this.#acknowledged.has(path) || this.#unanswered.has(path);
    const unknown = [...shown.keys()].filter((path) => !isKnown(path));
    drill.equal("files that nobody asked for", unknown, []);
    const paths = [...shown.keys()];
    await eachOf(reads === undefined ? paths : drill.sample(paths, reads), async (path) => {
      const file = this.#acknowledged.get(path) ?? this.#unanswered.get(path);
      const { id } = shown.get(path) ?? {};
      if (file === undefined || id === undefined) return;
      const { seed, sizeBytes } = file;
      const expected = { digest: seededDigest(seed, sizeBytes), sizeBytes };
      drill.equal(`${path} is bit-identical`, await downloadDigest(session, id), expected);
    });
  }
}

export class FileModel {
  readonly #drill: DrillContext;
  readonly #session: DeviceSession;
  #files: KnownFile[] = [];
  #inFlight = 0;
  #cut = 0;
  #unanswered: Unanswered[] = [];
  #counter = 0;
  /** Told when the next operation is in flight. */
  #waiting: (() => void)[] = [];

  constructor(drill: DrillContext, session: DeviceSession) {
    this.#drill = drill;
    this.#session = session;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Resolves as soon as an operation is in flight. */
  async busy(): Promise<void> {
    if (this.#inFlight === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
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
    for (const tell of this.#waiting.splice(0)) tell();
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
      if (sizeBytes === 0) this.#unanswered.push({ kind: "empty", filename, seed });
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

  /** Settles what was unanswered by looking, checks every listing, and reads `reads` files back (all when undefined). */
  async verify(reads?: number): Promise<void> {
    const visible = await listed(this.#session, "root");
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
      case "empty": {
        const node = visible.find(({ name }) => name === unanswered.filename);
        if (node === undefined) return;
        const known = { nodeId: node.id, seed: unanswered.seed, sizeBytes: 0, name: node.name };
        await this.#checkContent(known);
        this.#files.push(known);
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
    return { id: nodeId, kind: "file", name: upload.filename };
  }
}
