import { z } from "@hono/zod-openapi";

/** `expected`: what the release says. `unexpected`: something else. `unknown`: the release says nothing of it. */
export const BootFinding = z.enum(["expected", "unexpected", "unknown"]).openapi("BootFinding");
export type BootFinding = z.infer<typeof BootFinding>;

export const BootStep = z
  .object({
    code: z.enum([
      "firmware",
      "secure-boot",
      "weakened",
      "signer",
      "boot-loader",
      "system-image",
      "section",
      "additions",
      "phases",
    ]),
    pcr: z.int(),
    title: z.string(),
    detail: z.string(),
    /** Lower-case hex; the fingerprint of a key for `signer`. */
    digest: z.string().optional(),
    finding: BootFinding,
  })
  .openapi("BootStep");

export const BootPcr = z
  .object({
    pcr: z.int(),
    use: z.string(),
    /** Lower-case hex: what the chip holds, what the log leads to, and what the release predicts. */
    measured: z.string(),
    fromLog: z.string().optional(),
    predicted: z.string().optional(),
    finding: BootFinding,
  })
  .openapi("BootPcr");

/** A later release that was tried, and gave its place back to the one that runs. */
export const FailedRelease = z
  .object({
    number: z.int(),
    /** These two are absent where it never came so far as to say. */
    version: z.string().optional(),
    triedSinceMs: z.number().optional(),
    /** When the release that runs found that it had its place back. */
    foundAtMs: z.number(),
    /**
     * `portal-silent`: nobody could have reached the device. `volume-closed`: the volume that opened before did not open. `no-network`: it
     * had no address, and the release before had one. `unknown`: it did not start, ended by itself, or the power went away each time.
     */
    why: z.enum(["portal-silent", "volume-closed", "no-network", "unknown"]),
  })
  .openapi("FailedRelease");
export type FailedRelease = z.infer<typeof FailedRelease>;

/** How the device was started, as far as its security chip confirms it. */
export const BootView = z
  .object({
    /**
     * `not-predicted`: measured, and there is no prediction of the running release. `not-measured`: nothing confirms what was
     * started, as on a system this one was only installed onto. `unreadable`: the log cannot be believed; `detail` says why.
     */
    state: z.enum(["as-released", "differs", "not-predicted", "not-measured", "unreadable"]),
    detail: z.string(),
    /** As measured, else as the firmware says. `set-up`: the firmware takes any keys that are offered to it. */
    secureBoot: z.enum(["on", "off", "set-up", "unknown"]),
    release: z.object({ version: z.string(), number: z.int() }).optional(),
    keys: z.object({
      /** `development`: a key that was measured is none of those that production releases are signed with. */
      trust: z.enum(["trusted", "development", "unknown"]),
      measured: z.array(z.object({ role: z.enum(["db", "pcr"]), fingerprint: z.string() })),
    }),
    /** Until the owner has seen it, or a later one is found good. */
    failedRelease: FailedRelease.optional(),
    steps: z.array(BootStep),
    pcrs: z.array(BootPcr),
  })
  .openapi("Boot");
export type BootView = z.infer<typeof BootView>;
