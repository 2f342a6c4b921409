import { routes } from "@piccolo/device-api";
import type { Api } from "../http/api.ts";
import type { MeasuredBoot } from "./measured-boot.ts";

export function mountSystem(api: Api, measuredBoot: MeasuredBoot): void {
  api.openapi(routes["GET /security/boot"], async (c) => c.json(await measuredBoot.view(), 200));
}
