import { type TransportFault, transportFaults } from "@piccolo/storage/ports";

/** The commonest fault of the port, with what the channel said as its cause. */
export function unreachable(
  message: string,
  cause?: unknown,
  details: Readonly<Record<string, unknown>> = {},
): TransportFault {
  return transportFaults.fault("peer-unreachable", message, cause === undefined ? { details } : { cause, details });
}
