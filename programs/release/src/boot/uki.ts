/** The boot image: kernel, initrd, command line and the root's tree in one file the firmware checks as a whole. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterPhases, pcr11Of, sectionsOfImage } from "@piccolo/attest";
import { policiesToSign, writeReleasePolicies } from "@piccolo/tpm2";
import type { Chroot } from "../chroot/chroot.ts";
import { publicKeyOf } from "../keys/read-key.ts";
import { placesOf } from "../keys/roles.ts";
import { runTool } from "../tool.ts";
import { sbsignArguments, signBytes, signingKeyOf } from "../keys/signing-key.ts";

/** What signing with a token takes on the machine itself. */
const tokenPackages = "faketime, sbsigntool and libengine-pkcs11-openssl";

export interface UkiParts {
  readonly kernel: string;
  readonly kernelVersion: string;
  /** One behind the other. */
  readonly initrds: readonly string[];
  readonly osRelease: string;
  readonly commandLine: string;
  readonly number: number;
  /** Folders of the sets that sign it; the first one's PCR key is measured. */
  readonly signers: readonly string[];
  /** Whether its boots may open what is sealed: those of a device may, those of the installer, which any stick starts, may not. */
  readonly opensVolumes: boolean;
  readonly epochS: number;
  readonly output: string;
}

/** Writes `output` and, beside it, `output.unsigned`. */
export async function buildUki(parts: UkiParts, tools: Chroot): Promise<void> {
  const { output, signers, epochS } = parts;
  writeFileSync(`${output}.cmdline`, parts.commandLine);
  const unsigned = `${output}.unsigned`;
  await assemble(parts, unsigned, [], tools);
  if (parts.opensVolumes) {
    // The signatures speak of what is measured and are themselves not measured, so that they can be put in afterwards.
    const policies = `${output}.pcrsig`;
    writeFileSync(policies, await signedPolicies(readFileSync(unsigned), parts.number, signers));
    await assemble(parts, unsigned, [`--section=.pcrsig:@${policies}`], tools);
  }
  await signForFirmware(unsigned, output, signers, epochS, tools);
}

async function assemble(parts: UkiParts, output: string, more: readonly string[], tools: Chroot): Promise<void> {
  await tools.run(
    "ukify",
    [
      "build",
      `--linux=${parts.kernel}`,
      ...parts.initrds.map((path) => `--initrd=${path}`),
      `--os-release=@${parts.osRelease}`,
      `--uname=${parts.kernelVersion}`,
      `--cmdline=@${parts.output}.cmdline`,
      "--stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
      `--pcrpkey=${placesOf(parts.signers[0] ?? "", "pcr").publicHalf}`,
      ...more,
      `--output=${output}`,
    ],
    { env: { SOURCE_DATE_EPOCH: String(parts.epochS) } },
  );
}

/** What the release signs of its boots (docs/spec/release-policy.md), as the image's `.pcrsig` section. */
async function signedPolicies(image: Uint8Array, number: number, signers: readonly string[]): Promise<string> {
  const started = afterPhases(pcr11Of(sectionsOfImage(image)), ["enter-initrd", "leave-initrd", "sysinit"]);
  const pcr11 = { sysinit: started, ready: afterPhases(started, ["ready"]) };
  const policies = await Promise.all(
    signers.flatMap((keys) => {
      const key = publicKeyOf(keys, "pcr").export({ type: "spki", format: "der" });
      const signingKey = signingKeyOf(keys, "pcr");
      return policiesToSign({ release: number, pcr11 }).map(async ({ message, ...policy }) => ({
        ...policy,
        key,
        signature: await signBytes(signingKey, message),
      }));
    }),
  );
  return writeReleasePolicies({ release: number, policies });
}

/**
 * The signature names the time of the release, not that of the build: the same input gives the same bytes. A key on a token signs on the
 * machine itself, where the token and what speaks to it are; throws `tool-missing` or `tool-failed` there.
 */
export async function signForFirmware(
  input: string,
  output: string,
  signers: readonly string[],
  epochS: number,
  tools: Chroot,
): Promise<void> {
  const time = new Date(epochS * 1000).toISOString().slice(0, 19).replace("T", " ");
  // Each signature is put behind those that are there.
  for (const [at, keys] of signers.entries()) {
    const certificate = placesOf(keys, "db").publicHalf;
    const files = ["--cert", certificate, "--output", output, at === 0 ? input : output];
    const key = signingKeyOf(keys, "db");
    const sign = ["sbsign", ...sbsignArguments(key), ...files];
    if (key.kind === "file") await tools.run("faketime", ["-f", time, ...sign]);
    // The time is one of UTC, wherever the machine stands.
    else await runTool("faketime", ["-f", time, "env", "TZ=UTC", ...sign], { from: tokenPackages });
  }
}

/** What the signed command line says: where the disk is, and that nothing but what is signed has a say. */
export function commandLineOf(commit: string, own: readonly string[], root = "piccolo-root"): string {
  return [
    `root=PARTLABEL=${root}`,
    "rootfstype=ext4",
    "rootflags=nosuid,nodev,noexec",
    "ro",
    `piccolo.commit=${commit}`,
    ...own,
  ].join(" ");
}
