import { routes } from "@piccolo/device-api";
import { type Auth, checkClaimCode } from "../auth/auth.ts";
import { sessionView } from "../auth/routes.ts";
import type { Sessions } from "../auth/sessions.ts";
import type { ClaimCode } from "../auth/claim-code.ts";
import type { Throttle } from "../auth/throttle.ts";
import type { World } from "@piccolo/world";
import type { Api } from "../http/api.ts";
import type { Door } from "../http/door.ts";
import { answerPhraseFaults } from "../security/phrase-answer.ts";
import type { Reclaim } from "./reclaim.ts";
import type { Recovery } from "./recovery.ts";
import type { Settling } from "./settling.ts";

/** So long the reason of a failure can be read. */
const lastLookMs = 600_000;

export interface RecoveryRouteOptions {
  readonly auth: Auth;
  readonly sessions: Sessions;
  readonly door: Door;
  readonly throttle: Throttle;
  readonly claimCode: ClaimCode;
  readonly deviceName: string;
  readonly world: World;
  /** Aborted when the device stops; what is left of sessions then, the next start ends. */
  readonly stopping: AbortSignal;
  readonly recovery: Recovery;
  readonly reclaim: Reclaim;
  readonly settling: Settling;
}

export function mountRecovery(api: Api, options: RecoveryRouteOptions): void {
  const { auth, sessions, door, throttle, claimCode, deviceName, world, stopping, recovery, reclaim, settling } =
    options;

  api.openapi(routes["POST /recover"], (c) => {
    const { claimCode: code, phrase, newPassword, place } = c.req.valid("json");
    return answerPhraseFaults(phrase, () => {
      checkClaimCode({ throttle, claimCode }, c.env.caller, code);
      auth.checkUnclaimed();
      sessions.endAll();
      const session = sessions.open();
      const end = (): void => sessions.end(session.tokenHash);
      try {
        const task = recovery.begin({ phrase, password: newPassword, place }, () => {
          // Nothing but the task's end is to be had with it on a device without an owner.
          world.sleep(lastLookMs, stopping).then(end, () => undefined);
        });
        c.header("set-cookie", door.cookieOf(session.token));
        return c.json({ task, session: sessionView(auth, deviceName, session) }, 202);
      } catch (error) {
        end();
        throw error;
      }
    });
  });

  api.openapi(routes["POST /security/accept-recovery"], async (c) => {
    const { password } = c.req.valid("json");
    await auth.withRoot(c.env.caller, password, () => settling.accept());
    return c.body(null, 204);
  });

  api.openapi(routes["POST /security/reclaim"], (c) => {
    const { password, confirmation } = c.req.valid("json");
    return answerPhraseFaults("phrase" in confirmation ? confirmation.phrase : "", async () => {
      const { caller } = c.env;
      const task = await auth.withRoot(caller, password, (root) => reclaim.begin(root, password, confirmation));
      return c.json(task, 202);
    });
  });
}
