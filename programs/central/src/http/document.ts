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
      "`Piccolo-1 ACCOUNT.KEY.TIME.NONCE.SIGNATURE`: account id and signing key in lower-case hexadecimal, time in " +
      "milliseconds in decimal, 16 bytes of nonce and 64 of signature in base64url without padding. Signed, by the " +
      "account's owner key or its registered device key, is a statement (docs/spec/envelope.md, E6) of purpose " +
      "`central-call` for the account, without a network; its body is sized(method) ‖ sized(host, with a port that " +
      "is not the scheme's own) ‖ sized(path from /v1 on, with query) ‖ SHA-256 of the request's body (32) ‖ nonce " +
      "(16) ‖ u64 time. A nonce counts once; the time may be ten minutes off.",
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
