/** The boot image: kernel, initrd, command line and the root's tree in one file the firmware checks as a whole. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Chroot } from "../chroot/chroot.ts";

export interface UkiParts {
  readonly kernel: string;
  readonly kernelVersion: string;
  /** One behind the other. */
  readonly initrds: readonly string[];
  readonly osRelease: string;
  readonly commandLine: string;
  readonly keys: string;
  readonly epochS: number;
  readonly output: string;
}

/** When the data volume opens, and when piccolod has said that it did or stays shut. */
export const bootPhases = ["enter-initrd:leave-initrd:sysinit", "enter-initrd:leave-initrd:sysinit:ready"] as const;

export async function buildUki(parts: UkiParts, tools: Chroot): Promise<void> {
  const { keys } = parts;
  const cmdline = `${parts.output}.cmdline`;
  writeFileSync(cmdline, parts.commandLine);
  const unsigned = `${parts.output}.unsigned`;
  await tools.run(
    "ukify",
    [
      "build",
      `--linux=${parts.kernel}`,
      ...parts.initrds.map((path) => `--initrd=${path}`),
      `--os-release=@${parts.osRelease}`,
      `--uname=${parts.kernelVersion}`,
      `--cmdline=@${cmdline}`,
      "--stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
      `--pcr-private-key=${join(keys, "pcr/policy.key")}`,
      `--pcr-public-key=${join(keys, "pcr/policy.pub")}`,
      "--pcr-banks=sha256",
      `--phases=${bootPhases.join(" ")}`,
      `--output=${unsigned}`,
    ],
    { env: { SOURCE_DATE_EPOCH: String(parts.epochS) } },
  );
  await signForFirmware(unsigned, parts.output, keys, parts.epochS, tools);
}

/** The signature names the time of the release, not that of the build: the same input gives the same bytes. */
export async function signForFirmware(
  input: string,
  output: string,
  keys: string,
  epochS: number,
  tools: Chroot,
): Promise<void> {
  const [key, certificate] = [join(keys, "secureboot/db.key"), join(keys, "secureboot/db.crt")];
  const time = new Date(epochS * 1000).toISOString().slice(0, 19).replace("T", " ");
  const sign = ["sbsign", "--key", key, "--cert", certificate, "--output", output, input];
  await tools.run("faketime", ["-f", time, ...sign]);
}

/** What the signed command line says: where the disk is, and that nothing but what is signed has a say. */
export function commandLineOf(commit: string, own: readonly string[]): string {
  return [
    "root=PARTLABEL=piccolo-root",
    "rootfstype=ext4",
    "rootflags=nosuid,nodev,noexec",
    "ro",
    `piccolo.commit=${commit}`,
    ...own,
  ].join(" ");
}
