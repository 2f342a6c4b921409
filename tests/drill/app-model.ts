/** The counter on a device, and the number its visitors have been told: what is answered must never be lost. */
import { AppVisit, type DeviceSession, installApp, type TaskView } from "@piccolo/devnet";

interface View {
  readonly state: string;
  readonly app: { readonly version: string };
  readonly problem?: { readonly code: string };
}

export class CounterApp {
  readonly #session: DeviceSession;
  readonly id: string;
  /** The highest number an answer had. */
  told = 0;
  /** Answers that were none. */
  readonly refusals: string[] = [];

  constructor(session: DeviceSession, id = "counter") {
    this.#session = session;
    this.id = id;
  }

  install(manifest: string): Promise<void> {
    return installApp(this.#session, manifest);
  }

  async do(method: string, path: string, body?: unknown): Promise<TaskView> {
    return this.#session.finish(await this.#session.call<TaskView>(method, `/apps/${this.id}${path}`, body));
  }

  update(manifest: string): Promise<TaskView> {
    return this.do("POST", "/update", { manifest, grants: [] });
  }

  view(): Promise<View> {
    return this.#session.call<View>("GET", `/apps/${this.id}`);
  }

  visit(): Promise<AppVisit> {
    return AppVisit.enter(this.#session, this.id);
  }

  /** Adds one, and remembers the answer. Undefined where there was none. */
  async add(visit: AppVisit): Promise<number | undefined> {
    const { status, text } = await visit.text("/cgi-bin/number", "POST");
    if (status !== 200) {
      this.refusals.push(`${status} ${text.slice(0, 200)}`);
      return undefined;
    }
    const number = Number(text);
    this.told = Math.max(this.told, number);
    return number;
  }

  async number(visit: AppVisit): Promise<number> {
    const { text } = await visit.text("/cgi-bin/number");
    return Number(text);
  }

  async version(visit: AppVisit): Promise<string> {
    return (await visit.text("/version")).text.trim();
  }
}
