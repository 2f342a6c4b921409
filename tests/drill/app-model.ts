/** The counter on a device, and the number its visitors have been told: what is answered must never be lost. */
import assert from "node:assert/strict";
import { AppVisit, type DeviceSession, installApp, type TaskView, unlessBroken } from "@piccolo/devnet";

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

  /** Whether it answers that it is well. Where nobody is there to answer, it does not. */
  async isWell(visit: AppVisit): Promise<boolean> {
    return (await unlessBroken(visit.text("/health")))?.status === 200;
  }

  async number(visit: AppVisit): Promise<number> {
    return Number(await this.#said(visit, "/cgi-bin/number"));
  }

  version(visit: AppVisit): Promise<string> {
    return this.#said(visit, "/version");
  }

  /** What stands in for an app that does not answer says nothing of its data. */
  async #said(visit: AppVisit, path: string): Promise<string> {
    const { status, text } = await visit.text(path);
    assert.equal(status, 200, `the app answers ${path} with ${status}: ${text.slice(0, 200)}`);
    return text.trim();
  }
}
