import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readVectors } from "../../../../tools/vectors.ts";
import { SoftwareToken } from "../../test-support/software-token.ts";
import { Chroot } from "../chroot/chroot.ts";
import { makeKeySet } from "../keys/keys.ts";
import { placesOf } from "../keys/roles.ts";
import { execute } from "../process.ts";
import { signForFirmware } from "./uki.ts";

const epochS = Date.UTC(2026, 0, 2, 3, 4, 5) / 1_000;
let folder: string;
let keys: string;
let onToken: string;
let image: string;
let token: SoftwareToken;

/** Programs of this machine in the place of the chroot's; a token is not to be seen from in there. */
class Inside extends Chroot {
  override async run(program: string, args: readonly string[]): Promise<Buffer> {
    const own = ["-i", `PATH=${process.env["PATH"]}`, "TZ=UTC", "LC_ALL=C.UTF-8"];
    return execute("/usr/bin/env", [...own, program, ...args]);
  }
}
const tools = new Inside("/", []);

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "signature-"));
  [keys, onToken, image] = [join(folder, "keys"), join(folder, "on-token"), join(folder, "image.efi")];
  await makeKeySet(keys, undefined);
  cpSync(keys, onToken, { recursive: true });
  token = new SoftwareToken();
  token.take(onToken, "db");
  const vectors = readVectors<{ readonly input: { readonly file: string } }>("measured-boot");
  writeFileSync(image, Buffer.from(vectors.get("image-stub-257")?.input.file ?? "", "hex"));
});
after(() => {
  token.close();
  rmSync(folder, { recursive: true, force: true });
});

const verify = (signed: string, by: string): Buffer =>
  execFileSync("sbverify", ["--cert", placesOf(by, "db").publicHalf, signed], { stdio: "pipe" });

test("a key on a token signs for the firmware, with the very bytes it would give out of a file", async () => {
  const [byFile, byToken] = [join(folder, "file.efi"), join(folder, "token.efi")];
  await signForFirmware(image, byFile, [keys], epochS, tools);
  // Where the machine stands says nothing of when a release was made.
  const zone = process.env["TZ"];
  process.env["TZ"] = "Asia/Tokyo";
  try {
    await signForFirmware(image, byToken, [onToken], epochS, tools);
  } finally {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  }
  verify(byToken, onToken);
  assert.deepEqual(readFileSync(byToken), readFileSync(byFile));
  assert.throws(() => verify(image, onToken), "nothing was signed before");
});

test("while keys are replaced, one on a token signs beside one in a file", async () => {
  const [other, both] = [join(folder, "other"), join(folder, "both.efi")];
  await makeKeySet(other, undefined);
  await signForFirmware(image, both, [other, onToken], epochS, tools);
  for (const by of [other, onToken]) verify(both, by);
});

test("a token that is not there is a failure, and nothing is signed", async () => {
  const [absent, signed] = [join(folder, "absent"), join(folder, "absent.efi")];
  cpSync(onToken, absent, { recursive: true });
  writeFileSync(placesOf(absent, "db").token, "pkcs11:token=nowhere;object=db;type=private\n");
  await assert.rejects(signForFirmware(image, signed, [absent], epochS, tools), { code: "tool-failed" });
});
