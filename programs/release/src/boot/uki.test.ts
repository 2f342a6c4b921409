import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parseReleasePolicies } from "@piccolo/tpm2";
import { readVectors } from "../../../../tools/vectors.ts";
import type { Chroot } from "../chroot/chroot.ts";
import { makeKeySet } from "../keys/keys.ts";
import { refusePolicies } from "../verify/contents.ts";
import { buildUki } from "./uki.ts";

let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "uki-"));
  await makeKeySet(join(folder, "keys"), undefined);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const vectors = readVectors<{ readonly input: { readonly file: string } }>("measured-boot");
const imageOf = (name: string): Buffer => Buffer.from(vectors.get(name)?.input.file ?? "", "hex");
const [withPolicies, withoutPolicies] = [imageOf("image-stub-257"), imageOf("image-program")];

/** In the place of ukify, which gives an image with policies where it is told to put some in, and of what signs it. */
function standInTools(given: string[]): Chroot {
  const run = async (program: string, args: readonly string[]): Promise<Buffer> => {
    const policies = args.find((each) => each.startsWith("--section=.pcrsig:@"))?.split("@")[1];
    if (policies !== undefined) given.push(readFileSync(policies, "utf8"));
    const output = args.find((each) => each.startsWith("--output="))?.split("=")[1];
    if (program === "ukify") writeFileSync(output ?? "", policies === undefined ? withoutPolicies : withPolicies);
    else writeFileSync(args[args.indexOf("--output") + 1] ?? "", readFileSync(args.at(-1) ?? ""));
    return Buffer.alloc(0);
  };
  return { run } as unknown as Chroot;
}

test("an image that may open no volume carries no policies, and one that does is refused as an installer's", async () => {
  const files = { kernel: "vmlinuz", kernelVersion: "6.12", initrds: ["initrd"], osRelease: "os-release" };
  const parts = { ...files, commandLine: "quiet", number: 7, signers: [join(folder, "keys")], epochS: 1_700_000_000 };
  const given: string[] = [];
  const [device, installer] = [join(folder, "device.efi"), join(folder, "installer.efi")];
  await buildUki({ ...parts, opensVolumes: true, output: device }, standInTools(given));
  assert.deepEqual(
    given.map((text) => parseReleasePolicies(text)?.release),
    [7],
  );
  assert.throws(() => refusePolicies(readFileSync(device)), { code: "release-unfit" });
  await buildUki({ ...parts, opensVolumes: false, output: installer }, standInTools(given));
  assert.equal(given.length, 1, "nothing was signed for it");
  assert.doesNotThrow(() => refusePolicies(readFileSync(installer)));
  assert.throws(() => refusePolicies(new Uint8Array(3)), { code: "malformed" });
});
