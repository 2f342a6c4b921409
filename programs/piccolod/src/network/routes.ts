import { type NetworkView, routes } from "@piccolo/device-api";
import type { Api } from "../http/api.ts";
import type { Tasks } from "../tasks/tasks.ts";
import type { NetworkFeature } from "./types.ts";

export interface NetworkRouteOptions {
  readonly network: NetworkFeature;
  readonly tasks: Tasks;
  readonly view: () => NetworkView;
}

export function mountNetwork(api: Api, { network, tasks, view }: NetworkRouteOptions): void {
  api.openapi(routes["GET /network"], (c) => c.json(view(), 200));

  api.openapi(routes["POST /network/join"], (c) => {
    const { invitation } = c.req.valid("json");
    const task = tasks.start({
      kind: "join-network",
      step: "Reading the invitation",
      cancellable: true,
      work: (progress) => network.join(invitation, progress),
    });
    return c.json(task, 202);
  });

  api.openapi(routes["POST /network/found"], (c) => {
    const { name } = c.req.valid("json");
    const task = tasks.start({
      kind: "found-network",
      step: "Founding the network",
      cancellable: true,
      work: (progress) => network.found(name, progress),
    });
    return c.json(task, 202);
  });

  api.openapi(routes["GET /network/invitations"], async (c) => {
    return c.json({ invitations: [...(await network.invitations())] }, 200);
  });

  api.openapi(routes["POST /network/invitations"], async (c) => c.json(await network.invite(), 201));

  api.openapi(routes["POST /network/invitations/{id}/cosign"], async (c) => {
    return c.json(await network.cosign(c.req.valid("param").id), 200);
  });
}
