/** Where a process really listens, by what the kernel says: whatever it was told, and whether anybody thought of it. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface ListeningPort {
  readonly transport: "tcp" | "udp";
  readonly port: number;
  /** Of the addresses it listens on; a socket of IPv6 takes in both, unless it says otherwise. */
  readonly family: 4 | 6;
  readonly isOnLoopback: boolean;
}

const tables = [
  ["tcp", 4, "tcp"],
  ["tcp6", 6, "tcp"],
  ["udp", 4, "udp"],
  ["udp6", 6, "udp"],
] as const;

/** `<net/tcp_states.h>`: what listens, and for datagrams what is connected to nobody. */
const waiting = { tcp: "0A", udp: "07" } as const;
const loopback = { 4: /^[0-9A-F]{6}7F$/, 6: /^0{24}01000000$/ } as const;

export function listeningPorts(pid: number): readonly ListeningPort[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1] ?? [];
      } catch (error) {
        // Files are closed while they are looked at.
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw error;
      }
    }),
  );
  return tables.flatMap(([table, family, transport]) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === waiting[transport] && sockets.has(fields[9] ?? ""))
      .map(([, local = ""]): ListeningPort => {
        const [address = "", port = ""] = local.split(":");
        return { transport, family, port: Number.parseInt(port, 16), isOnLoopback: loopback[family].test(address) };
      }),
  );
}
