import { routes, signedCallScheme } from "@piccolo/central-api";
import { createApi } from "./api.ts";

/** The OpenAPI 3.1 document of central, as docs/api/central.json has it. */
export function buildDocument(): unknown {
  const api = createApi();
  for (const route of Object.values(routes)) api.openAPIRegistry.registerPath(route);
  api.openAPIRegistry.registerComponent("securitySchemes", signedCallScheme, {
    type: "http",
    scheme: "Piccolo-1",
    description:
      "`Piccolo-1 ACCOUNT.KEY.TIME.NONCE.SIGNATURE`: a statement of purpose `central-call` (docs/spec/envelope.md) " +
      "over method, host, path with query, SHA-256 of the body, nonce and time in milliseconds, signed by the " +
      "account's owner key or its registered device key. A nonce counts once; the time may be ten minutes off.",
  });
  return api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Piccolo central",
      version: "1",
      description:
        "Carries the membership logs, addresses and requests for signatures of Piccolo networks. Entries and " +
        "invitations are bytes of packages/membership; refusals are problems (RFC 9457) with a stable `code`.",
      license: { name: "Apache-2.0" },
    },
  });
}
