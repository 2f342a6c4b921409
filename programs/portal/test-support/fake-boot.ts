/** A boot as a real device tells it, for pages that show one. */
import type { BootView } from "@piccolo/device-api";

type Step = BootView["steps"][number];

const digest = (seed: number): string =>
  Array.from({ length: 32 }, (_, at) => ((seed * 31 + at * 7) % 256).toString(16).padStart(2, "0")).join("");

const step = (code: Step["code"], pcr: number, title: string, detail: string, seed?: number): Step => ({
  code,
  pcr,
  title,
  detail,
  ...(seed === undefined ? {} : { digest: digest(seed) }),
  finding: code === "firmware" ? "unknown" : "expected",
});

const part = (name: string, title: string, seed: number): Step =>
  step("section", 11, title, `Part ${name} of the system image is the release's.`, seed);

const uses = [
  "firmware",
  "firmware settings",
  "firmware of extension cards",
  "settings of extension cards",
  "programs started by the firmware",
  "partition table and boot settings",
  "notes of the maker",
  "Secure Boot",
  "commands of the boot loader",
  "what the kernel was given",
  "the kernel's own list",
  "system image and steps of the boot",
  "settings added to the system image",
  "extensions added to the system image",
  "keys added to the boot loader",
  "the sealed volume",
];
const predicted = new Set([4, 7, 11, 12, 13]);

export function fakeBoot(more: Partial<BootView> = {}): BootView {
  return {
    state: "as-released",
    detail: "The device started exactly what its release says, and the security chip confirms it.",
    secureBoot: "on",
    release: { version: "0.1.0", number: 1 },
    keys: { trust: "trusted", measured: [{ role: "db", fingerprint: digest(3) }] },
    steps: [
      step("firmware", 0, "The firmware started", "It calls itself 2025.02-8."),
      step(
        "secure-boot",
        7,
        "Secure Boot is on",
        "The firmware starts only programs that are signed by a key it knows.",
      ),
      step("signer", 7, "A key vouched for what started", "It is named in db.", 3),
      step("boot-loader", 4, "The boot loader was started", "It is the release's.", 4),
      step("system-image", 4, "The system image was started", "It is the release's.", 5),
      part(".linux", "Kernel", 6),
      part(".osrel", "Name and version of the system", 7),
      part(".cmdline", "Settings of the kernel, with the system's commit", 8),
      part(".initrd", "First programs of the system", 9),
      part(".pcrpkey", "Key that seals the volume", 10),
      step(
        "additions",
        12,
        "Nothing was added to the system image",
        "No settings and no extensions came from the unprotected boot partition.",
      ),
      step(
        "phases",
        11,
        "The system went on from step to step",
        "Steps measured so far: enter-initrd, leave-initrd, sysinit, ready (of enter-initrd, leave-initrd, sysinit, ready).",
      ),
    ],
    pcrs: uses.map((use, pcr) => ({
      pcr,
      use,
      measured: digest(pcr + 40),
      ...(pcr === 10 || pcr === 15 ? {} : { fromLog: digest(pcr + 40) }),
      ...(predicted.has(pcr) ? { predicted: digest(pcr + 40) } : {}),
      finding: predicted.has(pcr) ? "expected" : "unknown",
    })),
    ...more,
  };
}

/** The same after somebody changed the kernel's settings: the sums tell. */
export function tamperedBoot(): BootView {
  const boot = fakeBoot();
  return {
    ...boot,
    state: "differs",
    detail:
      "The device did not start what its release says, or not in the way it should. The steps in question are marked.",
    keys: { ...boot.keys, trust: "development" },
    steps: boot.steps.map((told) =>
      told.title.startsWith("Settings of the kernel")
        ? { ...told, detail: "Part .cmdline of the system image is not the release's.", finding: "unexpected" as const }
        : told,
    ),
    pcrs: boot.pcrs.map((pcr) =>
      pcr.pcr === 11 ? { ...pcr, measured: digest(99), fromLog: digest(99), finding: "unexpected" as const } : pcr,
    ),
  };
}
