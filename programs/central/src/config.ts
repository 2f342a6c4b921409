import { isIP } from "node:net";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

export const usage = `central --state DIR --listen HOST:PORT --role api|relay|both
        [--relay-listen /ip4/ADDRESS/tcp/PORT]   port 0 (the default) takes a free one and keeps it
        [--trusted-proxy ADDRESS]                what ends TLS in front: callers are told apart by the last
                                                 X-Forwarded-For that comes from this address
`;

export interface CentralConfig {
  /** Absolute path of the folder that holds everything central keeps. */
  readonly stateFolder: string;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly role: "api" | "relay" | "both";
  readonly relayListen: string;
  /** Address of what ends TLS in front of the interface; undefined where callers come by themselves. */
  readonly trustedProxy: string | undefined;
}

/** Throws an Error that says what is wrong with the arguments. */
export function readConfig(args: readonly string[] = process.argv.slice(2)): CentralConfig {
  const { values } = parseArgs({
    args: [...args],
    options: {
      state: { type: "string" },
      listen: { type: "string" },
      role: { type: "string", default: "both" },
      "trusted-proxy": { type: "string" },
      "relay-listen": { type: "string", default: "/ip4/127.0.0.1/tcp/0" },
    },
  });
  const { state, listen = "", role, "relay-listen": relayListen, "trusted-proxy": trustedProxy } = values;
  if (state === undefined || state === "") throw new Error("--state is missing");
  const [, ipv6, name, portText] = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(listen) ?? [];
  const host = ipv6 ?? name ?? "";
  const port = Number(portText);
  if (host === "" || port > 65_535) throw new Error("--listen needs HOST:PORT");
  if (role !== "api" && role !== "relay" && role !== "both") throw new Error("--role is api, relay or both");
  if (!/^\/ip[46]\/[^/]+\/tcp\/\d{1,5}$/.test(relayListen)) {
    throw new Error("--relay-listen needs /ip4/ADDRESS/tcp/PORT or /ip6/ADDRESS/tcp/PORT");
  }
  if (trustedProxy !== undefined && isIP(trustedProxy) === 0) throw new Error("--trusted-proxy needs an IP address");
  return { stateFolder: resolve(state), host, port, role, relayListen, trustedProxy };
}
