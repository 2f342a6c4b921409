import { routes, type Session, type Status } from "@piccolo/device-api";
import type { OpenedRoot } from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { Log } from "../adapters/log.ts";
import { checkClaimCode } from "../auth/auth.ts";
import type { ClaimCode } from "../auth/claim-code.ts";
import type { Throttle } from "../auth/throttle.ts";
import { createApp } from "../http/app.ts";
import { Door, safeMethods } from "../http/door.ts";
import { noLockGate } from "../http/lock-gate.ts";
import type { OwnAddress } from "../http/own-address.ts";
import type { Site } from "../http/server.ts";
import { type Boot, bootFaults, type Opened } from "./boot.ts";
import { answerPhraseFaults } from "./phrase-answer.ts";
import { checkDeviceName } from "./reset.ts";

export interface GoingOn {
  /** With it, chip and password are made anew first. */
  readonly newPassword: string | undefined;
  /** Those of the request. A session they name goes on, if it is alive. */
  readonly cookies: string;
}

export interface ClosedSiteOptions {
  readonly boot: Boot;
  readonly world: World;
  readonly log: Log;
  readonly throttle: Throttle;
  readonly address: OwnAddress;
  readonly deviceName: string;
  readonly version: string;
  readonly insecure: readonly string[];
  readonly claimCode: ClaimCode;
  /** Whether the machine's own clock lost the time. */
  readonly hasForgottenTime: () => boolean;
  /** Goes on to the whole device, signed in. The root is erased when it returns. */
  readonly goOn: (
    opened: Opened & { readonly root: OpenedRoot },
    how: GoingOn,
  ) => Promise<{ readonly session: Session; readonly cookie: string }>;
  /** Undefined where a closed device is not reset but installed anew. */
  readonly reset: (() => void) | undefined;
}

/** What a device answers whose volume is closed: why, the ways to open it, the reset, and nothing else. */
export function createClosedSite(options: ClosedSiteOptions): Site {
  const { boot, world, log, throttle, deviceName } = options;
  let opening = false;
  const door = new Door({
    address: options.address,
    deviceName,
    sessions: { find: () => undefined },
    isOpen: () => true,
  });
  const closed = (): Error => bootFaults.fault("closed", "the device is closed: its status says how it is opened");
  // No route of the interface, whatever it is for, gets a secret that somebody may have put this device there for.
  const refuse = (method: string): Error | undefined => {
    const distrusted = boot.closed?.distrusted;
    if (distrusted === undefined || safeMethods.has(method)) return undefined;
    return bootFaults.fault("start-not-trusted", distrusted.detail);
  };
  const api = createApp({ log, lockGate: noLockGate, refuse, unknown: closed });

  api.openapi(routes["GET /status"], (c) => {
    const { reasons, opensWith } = boot.closed ?? {
      reasons: [{ code: "closed", detail: "The device is starting." }],
      opensWith: [],
    };
    const status: Status = {
      phase: "closed",
      reasons: [...reasons],
      opensWith: [...opensWith],
      resets: options.reset !== undefined && boot.closed?.distrusted === undefined,
      deviceName,
      version: options.version,
      signedIn: false,
      insecure: [...options.insecure],
      clock: { state: options.hasForgottenTime() ? "forgotten" : "unknown", offsetMs: 0 },
      serverTimeMs: world.nowMs(),
    };
    return c.json(status, 200);
  });

  /** One at a time: two that open at once would mount and build twice. */
  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    if (opening) throw bootFaults.fault("nothing-to-open", "the device is being opened already: wait a moment");
    opening = true;
    try {
      return await work();
    } finally {
      opening = false;
    }
  };

  api.openapi(routes["POST /unlock"], (c) =>
    alone(async () => {
      const { caller } = c.env;
      throttle.attempt(caller);
      const opened = await boot.openByPassword(c.req.valid("json").password);
      throttle.succeeded(caller);
      const { session, cookie } = await options.goOn(opened, {
        newPassword: undefined,
        cookies: c.req.header("cookie") ?? "",
      });
      c.header("set-cookie", cookie);
      return c.json(session, 201);
    }),
  );

  api.openapi(routes["POST /open-volume"], (c) => {
    const { phrase, newPassword } = c.req.valid("json");
    return answerPhraseFaults(phrase, () =>
      alone(async () => {
        const { caller } = c.env;
        throttle.attempt(caller);
        const opened = await boot.openByPhrase(phrase);
        throttle.succeeded(caller);
        const { session, cookie } = await options.goOn(opened, { newPassword, cookies: "" });
        c.header("set-cookie", cookie);
        return c.json(session, 201);
      }),
    );
  });

  api.openapi(routes["POST /factory-reset"], (c) => {
    const { reset } = options;
    if (reset === undefined) {
      const message = "a closed device is not reset: install the system from a USB stick, which removes everything";
      throw bootFaults.fault("closed", message);
    }
    const { confirmation, claimCode = "" } = c.req.valid("json");
    checkDeviceName(confirmation, deviceName);
    checkClaimCode({ throttle, claimCode: options.claimCode }, c.env.caller, claimCode);
    c.env.outgoing.once("close", reset);
    return c.body(null, 204);
  });

  return { api, streams: [], door, lockGate: noLockGate };
}
