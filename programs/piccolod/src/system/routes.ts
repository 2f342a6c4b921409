import { routes } from "@piccolo/device-api";
import type { Api } from "../http/api.ts";
import type { MeasuredBoot } from "./measured-boot.ts";
import type { ReleaseTrials } from "./release-trials.ts";

export function mountSystem(api: Api, measuredBoot: MeasuredBoot, trials: ReleaseTrials): void {
  api.openapi(routes["GET /security/boot"], async (c) => {
    const failedRelease = trials.failed;
    return c.json({ ...(await measuredBoot.view()), ...(failedRelease === undefined ? {} : { failedRelease }) }, 200);
  });
  api.openapi(routes["DELETE /security/boot/failed-release/{number}"], (c) => {
    trials.dismiss(c.req.valid("param").number);
    return c.body(null, 204);
  });
}
