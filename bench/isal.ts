/** ISA-L, the fastest erasure code in common use, as a reference: a small C program, compiled where it can be. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Turn } from "./harness.ts";

const source = join(import.meta.dirname, "isal/isal.c");
const folder = join(import.meta.dirname, "../.piccolo/bench");

export interface Isal {
  turn(verb: "encode" | "reconstruct", k: number, n: number, bytes: number): Turn;
}

/** Undefined where Debian's libisal-dev is not installed. */
export function openIsal(seconds = 0.2): Isal | undefined {
  if (!existsSync("/usr/include/isa-l.h")) return undefined;
  mkdirSync(folder, { recursive: true });
  const program = join(folder, "isal");
  execFileSync("gcc", ["-O2", "-Wall", "-Wextra", "-Werror", source, "-lisal", "-o", program], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return {
    turn: (verb, k, n, bytes) => () => {
      const args = [verb, String(k), String(n), String(bytes), String(seconds)];
      return Number(execFileSync(program, args, { encoding: "utf8" }));
    },
  };
}
