/** A signed-in owner of one device, for what the development network and the drills do in the nine others' name. */
import type { Readable } from "node:stream";
import { loopbackRequest, type LoopbackReply, type RequestDevice, textOf } from "./loopback-fetch.ts";

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A reply of the device that is not a success; `problem` is its problem+json body. */
export class DeviceProblem extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.problem = problem;
  }
}

interface Session {
  readonly csrf: string;
}

interface Claimed extends Session {
  readonly phrase: { readonly words: readonly string[]; readonly askedBack: readonly number[] };
}

export interface TaskView {
  readonly id: string;
  readonly state: "running" | "done" | "failed" | "cancelled";
  readonly error?: { readonly code?: string; readonly detail?: string };
  readonly result?: unknown;
}

interface Recovering {
  readonly task: TaskView;
  readonly session: Session;
}

export class DeviceSession {
  readonly origin: string;
  /** Reaches the device, under whichever of its names. */
  readonly request: RequestDevice;
  #cookie = "";
  #csrf = "";

  /** `origin` is the portal's, e.g. `http://device1.localhost:8701`; `request` reaches it where that is no name of this machine. */
  constructor(origin: string, request: RequestDevice = loopbackRequest) {
    this.origin = origin;
    this.request = request;
  }

  /** Returns the recovery phrase, of which two words have been given back. */
  async claim(claimCode: string, ownerName: string, password: string): Promise<string> {
    const claimed = await this.call<Claimed>("POST", "/claim", { claimCode, ownerName, password });
    this.#csrf = claimed.csrf;
    const { words, askedBack } = claimed.phrase;
    const asked = askedBack.map((position) => ({ position, word: words[position - 1] ?? "" }));
    await this.call("POST", "/security/phrase/confirm", { words: asked });
    return words.join(" ");
  }

  /** Begins to recover an owner on a device without one; `finish` waits for the task. */
  async recover(given: {
    readonly claimCode: string;
    readonly phrase: string;
    readonly newPassword: string;
    readonly place?: string;
  }): Promise<TaskView> {
    const { task, session } = await this.call<Recovering>("POST", "/recover", given);
    this.#csrf = session.csrf;
    return task;
  }

  async signIn(password: string): Promise<void> {
    this.#csrf = (await this.call<Session>("POST", "/session", { password })).csrf;
  }

  /** Opens the closed device by its phrase; it is unlocked and signed in then, with a new password. */
  async openVolume(phrase: string, newPassword: string): Promise<void> {
    this.#csrf = (await this.call<Session>("POST", "/open-volume", { phrase, newPassword })).csrf;
  }

  /** A JSON call below /api/v1. Throws `DeviceProblem` for every reply that is not 2xx. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const reply = await this.raw(method, path, init);
    const text = await textOf(reply);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** A call whose body the caller reads or writes as a stream. Throws `DeviceProblem` for every reply that is not 2xx. */
  async raw(
    method: string,
    path: string,
    init: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array | Readable;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<LoopbackReply> {
    const reply = await this.request(`${this.origin}/api/v1${path}`, {
      method,
      headers: {
        ...(this.#cookie === "" ? {} : { cookie: this.#cookie }),
        ...(method === "GET" || method === "HEAD" ? {} : { origin: this.origin, "x-piccolo-csrf": this.#csrf }),
        ...init.headers,
      },
      ...(init.body === undefined ? {} : { body: init.body }),
      ...(init.signal === undefined ? {} : { signal: init.signal }),
    });
    const cookies = reply.headers["set-cookie"]?.map((cookie) => cookie.split(";")[0] ?? "") ?? [];
    if (cookies.length > 0) this.#cookie = cookies.join("; ");
    if (reply.status >= 200 && reply.status < 300) return reply;
    const text = await textOf(reply);
    let problem: Partial<Problem> = {};
    try {
      problem = JSON.parse(text) as Partial<Problem>;
    } catch {
      // Not every refusal has a JSON body: those of HEAD requests have none.
    }
    throw new DeviceProblem({
      ...problem,
      status: reply.status,
      code: problem.code ?? "no-code",
      detail: problem.detail ?? `${method} ${path} answered ${reply.status}`,
    });
  }

  /** Where a GET below /api/v1 sends a browser. */
  async redirection(path: string): Promise<string> {
    const reply = await this.request(`${this.origin}/api/v1${path}`, { headers: { cookie: this.#cookie } });
    await textOf(reply);
    const { location } = reply.headers;
    if (location === undefined) throw new Error(`GET ${path} answered ${reply.status} and sends nowhere`);
    return location;
  }

  /** Waits for a task to end; throws when it failed or was cancelled. */
  async finish(task: TaskView): Promise<TaskView> {
    let now = task;
    while (now.state === "running") {
      await new Promise((resolve) => setTimeout(resolve, 100));
      now = await this.call<TaskView>("GET", `/tasks/${task.id}`);
    }
    if (now.state === "done") return now;
    throw new Error(`task ${now.state}: ${now.error?.code ?? ""} ${now.error?.detail ?? ""}`);
  }
}
