import type { DeviceSession, TaskView } from "./device-session.ts";
import { type LoopbackInit, type LoopbackReply, type RequestDevice, textOf } from "./loopback-fetch.ts";

/** A browser at one app's host: it came in by way of the portal and keeps the cookie it got. */
export class AppVisit {
  readonly origin: string;
  readonly cookie: string;
  readonly #request: RequestDevice;

  private constructor(origin: string, cookie: string, request: RequestDevice) {
    this.#request = request;
    this.origin = origin;
    this.cookie = cookie;
  }

  /** Goes in as a signed-in person does: from the portal, by a ticket. */
  static async enter(session: DeviceSession, app: string): Promise<AppVisit> {
    const entry = await session.redirection(`/apps/${app}/enter?path=/`);
    const reply = await session.request(entry);
    const text = await textOf(reply);
    const cookie = reply.headers["set-cookie"]?.[0]?.split(";")[0];
    if (cookie === undefined) throw new Error(`the ticket was answered with ${reply.status} ${text}`);
    return new AppVisit(new URL(entry).origin, cookie, session.request);
  }

  send(path: string, init: LoopbackInit = {}): Promise<LoopbackReply> {
    return this.#request(`${this.origin}${path}`, { ...init, headers: { cookie: this.cookie, ...init.headers } });
  }

  /** Status and text of an answer. */
  async text(path: string, method = "GET"): Promise<{ readonly status: number; readonly text: string }> {
    const reply = await this.send(path, { method });
    return { status: reply.status, text: await textOf(reply) };
  }
}

/** Installs an app from its manifest and waits until it runs. Throws with the task's reason. */
export async function installApp(
  session: DeviceSession,
  manifest: string,
  given: { readonly grants?: readonly string[]; readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const { grants = [], settings = {} } = given;
  await session.finish(await session.call<TaskView>("POST", "/apps", { source: { manifest }, grants, settings }));
}
