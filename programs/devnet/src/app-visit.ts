import type { DeviceSession, TaskView } from "./device-session.ts";
import { type LoopbackInit, type LoopbackReply, loopbackRequest, textOf } from "./loopback-fetch.ts";

/** A browser at one app's host: it came in by way of the portal and keeps the cookie it got. */
export class AppVisit {
  readonly origin: string;
  readonly cookie: string;

  private constructor(origin: string, cookie: string) {
    this.origin = origin;
    this.cookie = cookie;
  }

  /** Goes in as a signed-in person does: from the portal, by a ticket. */
  static async enter(session: DeviceSession, app: string): Promise<AppVisit> {
    const entry = await session.redirection(`/apps/${app}/enter?path=/`);
    const reply = await loopbackRequest(entry);
    const text = await textOf(reply);
    const cookie = reply.headers["set-cookie"]?.[0]?.split(";")[0];
    if (cookie === undefined) throw new Error(`the ticket was answered with ${reply.status} ${text}`);
    return new AppVisit(new URL(entry).origin, cookie);
  }

  send(path: string, init: LoopbackInit = {}): Promise<LoopbackReply> {
    return loopbackRequest(`${this.origin}${path}`, { ...init, headers: { cookie: this.cookie, ...init.headers } });
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
