/** On a machine of its own: what Podman writes down for itself outside the storage it is told of. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { notesFolder } from "../../programs/piccolod/src/adapters/podman/endpoint.ts";

/** From now on, what is in the folder was put there on this very machine. */
export function emptyNotes(): void {
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "tmpfs", notesFolder], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

export const notes = (): readonly string[] => readdirSync(notesFolder, { recursive: true }).map(String);
