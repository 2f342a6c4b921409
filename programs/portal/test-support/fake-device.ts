/**
 * A device in memory that speaks the contract of `@piccolo/device-api`, for looking at the portal without a network and
 * for states that are hard to bring about on a real one. It checks little and stores nothing.
 *
 * `node programs/portal/test-support/fake-device.ts [PORT]` serves the built portal with it.
 */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join } from "node:path";
import type { DeviceEvent, Node, Problem, Task } from "@piccolo/device-api";
import { type AppCall, FakeApps } from "./fake-apps.ts";
import { fakeBoot } from "./fake-boot.ts";
import {
  FakeState,
  misspeltIn,
  nextPhrase,
  segmentPlainBytes,
  type FakeOptions,
  type FakeUpload,
} from "./fake-state.ts";

const policy =
  "default-src 'self'; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; connect-src 'self'; frame-ancestors 'none'";
const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

class Refusal extends Error {
  readonly problem: Problem;
  constructor(status: number, code: string, detail: string, retry = false, details?: Record<string, unknown>) {
    super(detail);
    this.problem = {
      type: "about:blank",
      title: code,
      status,
      code,
      detail,
      retry,
      ...(details === undefined ? {} : { details }),
    };
  }
}

type Body = Readonly<Record<string, string | undefined>> & {
  readonly words?: readonly { readonly position: number; readonly word: string }[];
  readonly confirmation?: string | Body;
  readonly enabled?: boolean;
  readonly leaveNetwork?: boolean;
};

interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Body;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** Undefined: the handler has answered by itself. */
type Answer = { readonly status: number; readonly json?: unknown; readonly cookie?: string } | undefined;
type Handler = (call: Call) => Answer | Promise<Answer>;

export interface FakeDevice {
  readonly origin: string;
  readonly state: FakeState;
  readonly apps: FakeApps;
  readonly publish: (event: DeviceEvent) => void;
  /** Breaks all event streams and refuses new ones, as a device that is switched off does. */
  readonly setReachable: (reachable: boolean) => void;
  /** Keeps every task in this step until what it gives back is called. */
  /** How many pages listen to events now. */
  readonly listeners: () => number;
  readonly holdAt: (step: string) => () => void;
  readonly close: () => Promise<void>;
}

const json = (value: unknown, status = 200): Answer => ({ status, json: value });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const notFound = (): Refusal =>
  new Refusal(404, "not-found", "There is no such file or folder; look at the folder again.");
const deviceName = "piccolo-hall";
const sessionCookie = "piccolo_fake=1";

export async function startFakeDevice(options: FakeOptions = {}, port = 0): Promise<FakeDevice> {
  const state = new FakeState(options);
  const streams = new Set<ServerResponse>();
  const portal = join(import.meta.dirname, "../build");
  let reachable = true;
  let lastEvent = 0;

  function publish({ type, ...rest }: DeviceEvent): void {
    lastEvent += 1;
    for (const stream of streams) stream.write(`id: ${lastEvent}\nevent: ${type}\ndata: ${JSON.stringify(rest)}\n\n`);
  }

  const session = (): unknown => ({
    csrf: "fake-csrf",
    ownerName: state.ownerName,
    deviceName,
    expiresAtMs: Date.now() + 30 * 86_400_000,
    phraseConfirmed: state.phraseConfirmed,
  });
  const opened = (): Answer => ({
    status: 201,
    json: session(),
    cookie: `${sessionCookie}; Path=/; HttpOnly; SameSite=Strict`,
  });
  const fileOf = (id: string | undefined) => {
    const file = state.nodes.get(id ?? "");
    if (file === undefined) throw notFound();
    return file;
  };
  const taken = (name: string): Refusal =>
    new Refusal(409, "name-taken", `The folder has an entry named "${name}" already; choose another name.`);

  function page(nodes: readonly Node[], query: URLSearchParams): { nodes: readonly Node[]; nextCursor?: string } {
    const from = Number(query.get("cursor") ?? 0);
    const limit = Number(query.get("limit") ?? 100);
    const end = from + limit;
    return { nodes: nodes.slice(from, end), ...(end < nodes.length ? { nextCursor: String(end) } : {}) };
  }

  function runTask(kind: Task["kind"], steps: readonly string[], end: () => void, fails?: string): Answer {
    return json(beginTask(kind, steps, end, fails), 202);
  }

  const held = new Map<string, PromiseWithResolvers<void>>();

  function beginTask(
    kind: Task["kind"],
    steps: readonly string[],
    end: () => void,
    fails?: string | NonNullable<Task["error"]>,
    cancellable = false,
    atStep: (step: string) => void = () => undefined,
    subject?: string,
  ): Task {
    let task: Task = {
      id: state.id(),
      kind,
      ...(subject === undefined ? {} : { subject }),
      state: "running",
      step: steps[0] ?? "",
      doneUnits: 0,
      totalUnits: steps.length,
      cancellable,
      startedAtMs: Date.now(),
    };
    state.tasks.set(task.id, task);
    void (async () => {
      for (const [index, step] of steps.entries()) {
        task = { ...task, step, doneUnits: index };
        state.tasks.set(task.id, task);
        publish({ type: "task", task });
        atStep(step);
        await pause(options.stepMs ?? 500);
        await held.get(step)?.promise;
        if (state.tasks.get(task.id)?.state !== "running") return;
      }
      if (fails !== undefined) {
        task = {
          ...task,
          state: "failed",
          endedAtMs: Date.now(),
          error: typeof fails === "string" ? { code: fails, detail: `It ended with ${fails}.` } : fails,
        };
        state.tasks.set(task.id, task);
        publish({ type: "task", task });
        return;
      }
      end();
      task = { ...task, state: "done", doneUnits: steps.length, endedAtMs: Date.now() };
      state.tasks.set(task.id, task);
      publish({ type: "task", task });
    })();
    return task;
  }

  const checkPassword = (given: string | undefined): void => {
    if (given === state.password) return;
    state.failures += 1;
    throw state.failures < 3
      ? new Refusal(401, "wrong-password", "The password is wrong; try again.")
      : new Refusal(429, "too-many-attempts", "Too many failed attempts; try again in 8 s.", true, {
          retryAfterMs: 8000,
        });
  };
  const checkCode = (given: string | undefined): void => {
    if (given === (options.claimCode ?? "CODE")) return;
    throw new Refusal(403, "wrong-claim-code", "This is not the device's claim code; read it again, then try again.");
  };
  const checkName = (given: unknown): void => {
    if (given === deviceName) return;
    throw new Refusal(
      400,
      "not-the-device-name",
      `Enter the device's name, ${deviceName}, to remove everything on it.`,
    );
  };
  function checkPhrase(text: string): void {
    const words = misspeltIn(text);
    const positions = words.map(({ position }) => position);
    if (positions.length > 0)
      throw new Refusal(
        400,
        "phrase-misspelt",
        `Not in the list of words: number ${positions.join(", ")}; look at the paper and try again.`,
        false,
        { positions, words },
      );
    const count = text.split(" ").length;
    if (count !== 24)
      throw new Refusal(
        400,
        "phrase-length",
        `The phrase has ${count} words instead of 24: enter all of them in order.`,
      );
    const matches = text.split(" ").every((word, index) => state.phrase[index]?.startsWith(word) === true);
    if (!matches) throw new Refusal(403, "phrase-unknown", "This phrase opens another slot; use the newest one.");
  }
  /** The phrase shown last waits here for its words. */
  let waiting: readonly string[] | undefined;
  const show = (phrase: readonly string[]): unknown => {
    waiting = phrase;
    return { words: phrase, askedBack: [7, 19], expiresAtMs: Date.now() + 1_800_000 };
  };
  function confirm(body: Body): void {
    if (body["phrase"] !== undefined) {
      checkPhrase(body["phrase"]);
      state.phraseConfirmed = true;
      return;
    }
    if (waiting === undefined)
      throw new Refusal(409, "no-phrase-waiting", "No new phrase waits to be confirmed: make one first.");
    const given = body.words ?? [];
    if (given.some(({ position, word }) => waiting?.[position - 1] !== word))
      throw new Refusal(409, "phrase-not-confirmed", "These are not the words of the phrase just shown: look again.");
    if (waiting !== state.phrase) state.phraseNumber += 1;
    state.phrase = waiting;
    state.phraseConfirmed = true;
    waiting = undefined;
  }
  const unlocked = (): Answer => {
    state.closed = false;
    state.locked = false;
    publish({ type: "security" });
    return opened();
  };
  function newKey(kind: "re-key" | "reclaim", body: Body): Answer {
    checkPassword(body["password"]);
    confirm(typeof body.confirmation === "object" ? body.confirmation : {});
    state.rekey = "running";
    return runTask(
      kind,
      kind === "re-key"
        ? [
            "Making the new key",
            "Giving the new phrase to the network",
            "Locking the files' keys anew",
            "Erasing the old key",
          ]
        : ["Telling the network", "Shutting the other device out", "Locking the files' keys anew"],
      () => {
        state.epoch += 1;
        state.rekey = "none";
        state.reencryption = "offered";
        state.replaced = false;
        publish({ type: "security" });
      },
      options.newKeyFails,
    );
  }
  function reset(): Answer {
    state.claimed = false;
    state.closed = false;
    state.locked = false;
    state.networkState = "none";
    return { status: 204, cookie: "piccolo_fake=; Path=/; Max-Age=0" };
  }

  function enterNetwork(): void {
    state.networkState = "member";
    publish({ type: "network", network: state.network() });
    publish({ type: "placement" });
  }

  function change(id: string, body: Body): Answer {
    const file = fileOf(id);
    const name = body["name"] ?? file.node.name;
    const parent = body["parent"] ?? file.node.parent;
    const other = state.childNamed(parent, name);
    if (other !== undefined && other.node.id !== id) throw taken(name);
    const folders = [file.node.parent, parent];
    file.node = { ...file.node, name, parent };
    publish({ type: "files", folders });
    return json(file.node);
  }

  async function takeBytes({ upload, bytes }: FakeUpload, req: IncomingMessage): Promise<void> {
    const rate = options.uploadRate ?? 50_000_000;
    for await (const chunk of req as AsyncIterable<Uint8Array>) {
      bytes.push(chunk);
      const before = upload.offsetBytes;
      const arrived = bytes.reduce((sum, part) => sum + part.length, 0);
      upload.offsetBytes =
        arrived === upload.sizeBytes ? arrived : Math.floor(arrived / segmentPlainBytes) * segmentPlainBytes;
      if (upload.offsetBytes !== before)
        publish({ type: "upload", id: upload.id, offsetBytes: upload.offsetBytes, sizeBytes: upload.sizeBytes });
      await pause((chunk.length / rate) * 1000);
    }
  }

  function finish(pending: FakeUpload): { node: string; placement: string } {
    const { upload } = pending;
    const bytes = Buffer.concat(pending.bytes);
    const other = state.childNamed(upload.parent, upload.filename);
    let id = other?.node.id ?? "";
    if (other === undefined) id = state.addFile(upload.parent, upload.filename, bytes, pending.mediaType).id;
    else if (pending.onConflict === "version") state.addVersion(id, bytes);
    else {
      let number = 2;
      const numbered = (): string => upload.filename.replace(/(\.[^.]+)?$/, (ending) => ` (${number})${ending}`);
      while (state.childNamed(upload.parent, numbered()) !== undefined) number += 1;
      id = state.addFile(upload.parent, numbered(), bytes, pending.mediaType).id;
    }
    state.uploads.delete(upload.id);
    publish({ type: "upload-gone", id: upload.id });
    publish({ type: "files", folders: [upload.parent] });
    return { node: id, placement: state.nodes.get(id)?.node.placement ?? "durable" };
  }

  const uploadOf = (id: string | undefined): FakeUpload => {
    const upload = state.uploads.get(id ?? "");
    if (upload === undefined) throw new Refusal(404, "upload-not-found", "There is no such upload; begin a new one.");
    return upload;
  };

  const apps = new FakeApps({
    publish,
    begin: (kind, steps, end, { atStep, subject, fails } = {}) =>
      beginTask(kind, steps, end, fails, false, atStep, subject),
    refuse: (status, code, detail) => new Refusal(status, code, detail),
  });

  const handlers: Readonly<Record<string, Handler>> = {
    // Their bodies have other fields, which only the apps look at.
    ...(apps.handlers as unknown as Readonly<Record<string, (call: AppCall | Call) => Answer>>),
    "GET /status": ({ req }) =>
      json({
        phase: state.closed ? "closed" : state.claimed ? (state.locked ? "locked" : "ready") : "unclaimed",
        reasons: state.closed
          ? [options.reason ?? "tpm-other-chip", ...(options.distrusted === undefined ? [] : [options.distrusted])].map(
              (code) => ({ code, detail: "The device's own words on why it is closed." }),
            )
          : [],
        opensWith: state.closed ? [...(options.opensWith ?? ["phrase"])] : [],
        resets: state.closed && (options.resets ?? true),
        deviceName,
        version: "0.1.0",
        signedIn: signedIn(req),
        insecure: [...(options.insecure ?? [])],
        clock: state.network().clock,
        serverTimeMs: Date.now(),
      }),
    "POST /claim": ({ body }) => {
      checkCode(body["claimCode"]);
      state.claimed = true;
      state.phraseConfirmed = false;
      state.ownerName = body["ownerName"] ?? "You";
      state.password = body["password"] ?? "";
      const { cookie = "" } = opened() ?? {};
      return { status: 201, json: { ...(session() as object), phrase: show(state.phrase) }, cookie };
    },
    "POST /session": ({ body }) => {
      checkPassword(body["password"]);
      return unlocked();
    },
    "POST /unlock": ({ body }) => {
      checkPassword(body["password"]);
      return unlocked();
    },
    "POST /lock": () => {
      state.locked = true;
      publish({ type: "security" });
      return { status: 204 };
    },
    "POST /open-volume": ({ body }) => {
      checkPhrase(body["phrase"] ?? "");
      state.password = body["newPassword"] ?? "";
      return unlocked();
    },
    "POST /reset-login": ({ body }) => {
      checkPhrase(body["phrase"] ?? "");
      state.password = body["newPassword"] ?? "";
      return unlocked();
    },
    "POST /recover": ({ body }) => {
      checkCode(body["claimCode"]);
      if (options.recoveryFails === undefined) checkPhrase(body["phrase"] ?? "");
      const task = beginTask(
        "recover",
        [
          "Looking for your network",
          "Opening your keys",
          "Asking the other devices for the newest state",
          "Taking the place of the old device",
          "Bringing the list of your files",
        ],
        () => {
          state.password = body["newPassword"] ?? "";
          state.claimed = true;
          state.networkState = "member";
          state.fill();
        },
        options.recoveryFails,
      );
      const { cookie = "" } = opened() ?? {};
      return { status: 202, json: { task, session: session() }, cookie };
    },
    "POST /factory-reset": ({ body }) => {
      checkName(body.confirmation);
      if (state.closed) checkCode(body["claimCode"]);
      else if (body["phrase"] !== undefined) checkPhrase(body["phrase"]);
      else checkPassword(body["password"]);
      if (body.leaveNetwork === true) {
        const detail = "Neither central nor a member answers: try later, or reset without leaving the network.";
        if (options.unheard === true) throw new Refusal(503, "not-left", detail, true);
        state.left = true;
      }
      return reset();
    },
    "GET /security": () => json(state.security()),
    "GET /security/boot": () => json({ ...fakeBoot(state.options.boot), failedRelease: state.failedRelease }),
    "DELETE /security/boot/failed-release/{number}": ({ params }) => {
      if (state.failedRelease?.number === Number(params["number"])) state.failedRelease = undefined;
      publish({ type: "security" });
      return { status: 204 };
    },
    "POST /security/phrase": ({ body }) => {
      checkPassword(body["password"]);
      return json(show(nextPhrase(state.phrase)), 201);
    },
    "POST /security/phrase/confirm": ({ body }) => {
      confirm(body);
      return { status: 204 };
    },
    "GET /security/recovery-sheet": () => json(state.sheet()),
    "POST /security/ask-at-boot": ({ body }) => {
      checkPassword(body["password"]);
      state.askAtBoot = body.enabled === true;
      return { status: 204 };
    },
    "POST /security/rekey": ({ body }) => newKey("re-key", body),
    "POST /security/re-encrypt": ({ body }) => {
      checkPassword(body["password"]);
      state.reencryption = "running";
      publish({ type: "security" });
      const end = (): void => {
        state.reencryption = "none";
        publish({ type: "security" });
      };
      const steps = Array.from({ length: 8 }, () => "Giving the files new keys");
      return json(beginTask("re-encrypt", steps, end, undefined, true), 202);
    },
    "DELETE /tasks/{id}": ({ params }) => {
      const task = state.tasks.get(params["id"] ?? "");
      if (task === undefined || !task.cancellable) throw notFound();
      const ended: Task = { ...task, state: "cancelled", cancellable: false, endedAtMs: Date.now() };
      state.tasks.set(task.id, ended);
      state.reencryption = "offered";
      publish({ type: "task", task: ended });
      publish({ type: "security" });
      return json(ended);
    },
    "POST /security/reclaim": ({ body }) => newKey("reclaim", body),
    "POST /security/accept-recovery": ({ body }) => {
      checkPassword(body["password"]);
      state.stale = false;
      publish({ type: "security" });
      return { status: 204 };
    },
    "GET /session": () => json(session()),
    "DELETE /session": () => ({ status: 204, cookie: "piccolo_fake=; Path=/; Max-Age=0" }),
    "POST /session/password": ({ body }) => {
      if (body["oldPassword"] !== state.password)
        throw new Refusal(401, "wrong-password", "The password is wrong; try again.");
      state.password = body["newPassword"] ?? "";
      return { status: 204 };
    },
    "GET /network": () => json(state.network()),
    "POST /network/join": () => {
      state.networkState = "joining";
      return runTask(
        "join-network",
        ["Reading the network's member list", "Joining", "Greeting the other devices"],
        enterNetwork,
      );
    },
    "POST /network/found": () => runTask("found-network", ["Announcing the network"], enterNetwork),
    "GET /network/invitations": () => json({ invitations: state.invitations }),
    "POST /network/invitations": () => {
      const invitation = {
        id: state.id(),
        state: "needs-cosigner" as const,
        mine: true,
        createdBy: state.ownerName,
        expiresAtMs: Date.now() + 7 * 86_400_000,
      };
      state.invitations = [invitation, ...state.invitations];
      return json(invitation, 201);
    },
    "POST /network/invitations/{id}/cosign": ({ params }) => {
      state.invitations = state.invitations.filter(({ id }) => id !== params["id"]);
      return json({
        id: params["id"],
        state: "open",
        mine: false,
        createdBy: "Esra",
        expiresAtMs: Date.now() + 86_400_000,
      });
    },
    "GET /files": ({ query }) => {
      const parent = query.get("parent") ?? "root";
      if (parent !== "root" && state.nodes.get(parent)?.node.kind !== "folder") throw notFound();
      const sort = query.get("sort") ?? "name";
      const way = query.get("order") === "desc" ? -1 : 1;
      const value = (node: Node): number => (sort === "size" ? (node.sizeBytes ?? 0) : node.modifiedAtMs);
      const nodes = [...state.nodes.values()]
        .map(({ node }) => node)
        .filter((node) => node.parent === parent)
        .sort(
          (a, b) =>
            Number(b.kind === "folder") - Number(a.kind === "folder") ||
            way * (sort === "name" ? a.name.localeCompare(b.name) : value(a) - value(b)),
        );
      const path = state.path(parent);
      return json({ parent: path.at(-1), path, ...page(nodes, query) });
    },
    "GET /files/search": ({ query }) => {
      const text = (query.get("q") ?? "").toLowerCase();
      const nodes = [...state.nodes.values()].map(({ node }) => node);
      return json(
        page(
          nodes.filter(({ name }) => name.toLowerCase().includes(text)),
          query,
        ),
      );
    },
    "POST /files/folders": ({ body }) => {
      const { parent = "root", name = "" } = body;
      if (state.childNamed(parent, name) !== undefined) throw taken(name);
      publish({ type: "files", folders: [parent] });
      return json(state.addFolder(parent, name), 201);
    },
    "GET /files/{id}": ({ params }) => json(fileOf(params["id"]).node),
    "PATCH /files/{id}": ({ params, body }) => change(params["id"] ?? "", body),
    "DELETE /files/{id}": ({ params }) => {
      const { parent } = fileOf(params["id"]).node;
      state.moveToTrash(params["id"] ?? "");
      publish({ type: "files", folders: [parent, "trash"] });
      return { status: 204 };
    },
    "GET /files/{id}/versions": ({ params }) =>
      json({ versions: fileOf(params["id"]).versions.map(({ version }) => version) }),
    "POST /files/{id}/versions/{versionId}/restore": ({ params }) => {
      const file = fileOf(params["id"]);
      const found = file.versions.find(({ version }) => version.versionId === params["versionId"]);
      if (found !== undefined) state.addVersion(file.node.id, found.bytes);
      publish({ type: "files", folders: [file.node.parent] });
      return json(file.node);
    },
    "DELETE /files/{id}/versions/{versionId}": ({ params }) => {
      const file = fileOf(params["id"]);
      file.versions = file.versions.filter(({ version }) => version.versionId !== params["versionId"]);
      return { status: 204 };
    },
    "GET /files/{id}/placement": ({ params }) => json(state.placement(fileOf(params["id"]))),
    "GET /files/{id}/content": ({ params, query, res }) => {
      const file = fileOf(params["id"]);
      const version =
        file.versions.find(({ version }) => version.versionId === query.get("version")) ?? file.versions[0];
      const inline = query.get("download") === null;
      res.writeHead(200, {
        "content-type": file.node.mediaType ?? "application/octet-stream",
        "content-disposition": `${inline ? "inline" : "attachment"}; filename*=UTF-8''${encodeURIComponent(file.node.name)}`,
      });
      res.end(version?.bytes);
      return undefined;
    },
    "GET /trash": ({ query }) => json(page([...state.trash.values()].map(({ node }) => node).reverse(), query)),
    "POST /trash/{id}/restore": ({ params }) => {
      const file = state.trash.get(params["id"] ?? "");
      if (file === undefined)
        throw new Refusal(409, "not-in-trash", "There is no such entry in the trash; look at it again.");
      const { trashedAtMs: _trashed, purgeAtMs: _purge, from: _from, ...node } = file.node;
      state.trash.delete(node.id);
      state.nodes.set(node.id, { ...file, node });
      publish({ type: "files", folders: [node.parent, "trash"] });
      return json(node);
    },
    "DELETE /trash/{id}": ({ params }) => {
      state.trash.delete(params["id"] ?? "");
      publish({ type: "files", folders: ["trash"] });
      return { status: 204 };
    },
    "DELETE /trash": () =>
      runTask("purge-trash", ["Erasing"], () => {
        state.trash.clear();
        publish({ type: "files", folders: ["trash"] });
      }),
    "GET /uploads": () => json({ uploads: [...state.uploads.values()].map(({ upload }) => upload) }),
    "POST /uploads": ({ req, res }) => {
      const metadata = new Map(
        String(req.headers["upload-metadata"] ?? "")
          .split(",")
          .map((pair) => {
            const [key = "", value = ""] = pair.split(" ");
            return [key, Buffer.from(value, "base64").toString()] as const;
          }),
      );
      const filename = metadata.get("filename") ?? "";
      const parent = metadata.get("parent") ?? "root";
      const onConflict = metadata.get("onConflict") ?? "refuse";
      if (onConflict === "refuse" && state.childNamed(parent, filename) !== undefined) throw taken(filename);
      const now = Date.now();
      const id = state.id();
      const sizeBytes = Number(req.headers["upload-length"]);
      state.uploads.set(id, {
        mediaType: metadata.get("mediaType") ?? "application/octet-stream",
        onConflict,
        bytes: [],
        upload: {
          id,
          filename,
          parent,
          sizeBytes,
          offsetBytes: 0,
          createdAtMs: now,
          expiresAtMs: now + 7 * 86_400_000,
          active: false,
          segmentBytes: [],
        },
      });
      res.writeHead(201, { "tus-resumable": "1.0.0", location: `/api/v1/uploads/${id}` });
      res.end();
      return undefined;
    },
    "HEAD /uploads/{id}": ({ params, res }) => {
      const { upload } = uploadOf(params["id"]);
      res.writeHead(200, {
        "tus-resumable": "1.0.0",
        "upload-offset": String(upload.offsetBytes),
        "upload-length": String(upload.sizeBytes),
      });
      res.end();
      return undefined;
    },
    "PATCH /uploads/{id}": async ({ params, req, res }) => {
      const pending = uploadOf(params["id"]);
      const { upload } = pending;
      if (Number(req.headers["upload-offset"]) !== upload.offsetBytes)
        throw new Refusal(
          409,
          "upload-offset-differs",
          "The offset is another one; ask for it, then go on from there.",
        );
      pending.bytes = [Buffer.concat(pending.bytes).subarray(0, upload.offsetBytes)];
      upload.active = true;
      try {
        await takeBytes(pending, req);
      } finally {
        upload.active = false;
        upload.segmentBytes = Array.from(
          { length: Math.floor(upload.offsetBytes / segmentPlainBytes) },
          () => segmentPlainBytes,
        );
      }
      const whole = upload.offsetBytes === upload.sizeBytes;
      const done = whole ? finish(pending) : undefined;
      res.writeHead(204, {
        "tus-resumable": "1.0.0",
        "upload-offset": String(upload.offsetBytes),
        ...(done === undefined ? {} : { "piccolo-node": done.node, "piccolo-placement": done.placement }),
      });
      res.end();
      return undefined;
    },
    "DELETE /uploads/{id}": ({ params }) => {
      uploadOf(params["id"]);
      state.uploads.delete(params["id"] ?? "");
      publish({ type: "upload-gone", id: params["id"] ?? "" });
      return { status: 204 };
    },
    // It has no BLAKE3 of its own: an upload whose name says so is another file, every other one is the same.
    "POST /uploads/{id}/check": async ({ params }) => {
      const { upload } = uploadOf(params["id"]);
      await pause(400);
      return json({ same: !upload.filename.includes("other") });
    },
    "GET /tasks": () => json({ tasks: [...state.tasks.values()] }),
    "GET /tasks/{id}": ({ params }) => {
      const task = state.tasks.get(params["id"] ?? "");
      if (task === undefined) throw notFound();
      return json(task);
    },
    "GET /events": ({ req, res }) => {
      res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      res.write("retry: 2000\n\n");
      streams.add(res);
      req.on("close", () => streams.delete(res));
      return undefined;
    },
  };

  const patterns = Object.entries(handlers).map(([name, handler]) => {
    const [method = "", path = ""] = name.split(" ");
    return { method, pattern: new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`), handler };
  });
  const open = new Set([
    "GET /status",
    "POST /claim",
    "POST /session",
    "POST /unlock",
    "POST /open-volume",
    "POST /reset-login",
    "POST /recover",
    "POST /factory-reset",
  ]);
  const behindLock = /^\/(?:(?:files|trash|uploads)(?:\/|$)|network\/)/;
  const signedIn = (req: IncomingMessage): boolean => req.headers.cookie?.includes(sessionCookie) === true;

  async function serveApi(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void> {
    const path = url.pathname.slice("/api/v1".length);
    for (const { method, pattern, handler } of patterns) {
      const match = method === req.method ? pattern.exec(path) : null;
      if (match === null) continue;
      if (!open.has(`${method} ${path}`) && !signedIn(req))
        throw new Refusal(401, "sign-in-required", "The request needs a session; sign in, then do it again.");
      if (state.locked && behindLock.test(path))
        throw new Refusal(423, "locked", "The device is locked: enter the password, then do it again.", true);
      const isJson = req.headers["content-type"]?.startsWith("application/json") === true;
      let text = "";
      if (isJson) for await (const chunk of req as AsyncIterable<Buffer>) text += chunk.toString();
      const answer = await handler({
        params: { ...match.groups },
        query: url.searchParams,
        body: (text === "" ? {} : JSON.parse(text)) as Body,
        req,
        res,
      });
      if (answer === undefined) return;
      res.writeHead(answer.status, {
        "content-type": "application/json",
        ...(answer.cookie === undefined ? {} : { "set-cookie": answer.cookie }),
        ...(state.changesWait && req.method !== "GET" ? { "piccolo-backup": "waiting" } : {}),
      });
      res.end(answer.json === undefined ? undefined : JSON.stringify(answer.json));
      return;
    }
    throw new Refusal(404, "unknown-route", "There is nothing at this address.");
  }

  async function servePortal(res: ServerResponse, path: string): Promise<void> {
    const name = path === "/" ? "/index.html" : path;
    const content = await readFile(join(portal, name)).catch(() => undefined);
    res.writeHead(content === undefined ? 404 : 200, {
      "content-type": types[extname(name)] ?? "application/octet-stream",
      "content-security-policy": policy,
    });
    res.end(content);
  }

  const server = createServer((req, res) => {
    const url = new URL(req.url ?? "/", "http://fake");
    if (!reachable) {
      req.socket.destroy();
      return;
    }
    const served = url.pathname.startsWith("/api/v1/") ? serveApi(req, res, url) : servePortal(res, url.pathname);
    served.catch((error: unknown) => {
      if (res.headersSent || req.socket.destroyed) return;
      const problem =
        error instanceof Refusal ? error.problem : new Refusal(500, "internal", String(error), true).problem;
      res.writeHead(problem.status, { "content-type": "application/problem+json", connection: "close" });
      res.end(JSON.stringify(problem));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return {
    origin: `http://device1.localhost:${bound}`,
    state,
    apps,
    publish,
    listeners: () => streams.size,
    holdAt: (step) => {
      const hold = Promise.withResolvers<void>();
      held.set(step, hold);
      return () => {
        held.delete(step);
        hold.resolve();
      };
    },
    setReachable: (now) => {
      reachable = now;
      if (!now) for (const stream of streams) stream.destroy();
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

if (process.argv[1] === import.meta.filename) {
  const device = await startFakeDevice(
    { claimed: process.argv[3] !== "fresh", inNetwork: process.argv[3] !== "fresh" },
    Number(process.argv[2] ?? 8790),
  );
  process.stdout.write(`${device.origin}/#claim=CODE (password: ${device.state.password})\n`);
}
