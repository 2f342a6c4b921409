import type { Benchmark } from "./harness.ts";

/** Every benchmark, a line each: its module exports `run`. */
export const benchmarks: readonly Benchmark[] = [
  { name: "erasure", summary: "k-of-n coding against AES-GCM, memcpy and ISA-L", load: () => import("./erasure.ts") },
  {
    name: "engine",
    summary: "the owner's write and read path over holders in memory",
    load: () => import("./engine.ts"),
  },
  {
    name: "metadata",
    summary: "100,000 files: database bytes, delta size; restore and small writes through ten devices",
    load: () => import("./metadata.ts"),
  },
  {
    name: "network",
    summary: "256 MiB through ten devices, beside restic and rclone crypt",
    load: () => import("./network.ts"),
  },
  {
    name: "footprint",
    summary: "memory, start and first byte of the built executable",
    load: () => import("./footprint.ts"),
  },
  {
    name: "apps",
    summary: "install to first page, updates under visitors, and the reverse proxy against the app itself",
    load: () => import("./apps.ts"),
  },
];
