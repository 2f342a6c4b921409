/** One GnuPG home with the OSTree keys of several sets, for the time of a signature that all of them make at once. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool } from "../tool.ts";
import { copyGnupgHome } from "./development.ts";
import { gnupgHomeOf, ostreePublicOf } from "./roles.ts";

const privateKeys = "private-keys-v1.d";

/** OSTree signs a summary once, by keys of one home, and writes over what another one had signed. */
export async function withHomeOf<T>(sets: readonly string[], work: (home: string) => Promise<T>): Promise<T> {
  // A socket's path is short, and a folder of keys may lie deep.
  const home = mkdtempSync(join(tmpdir(), "gnupg-"));
  const options = ["--homedir", home, "--batch", "--quiet", "--no-tty"];
  try {
    for (const [at, keys] of sets.entries()) {
      if (at === 0) copyGnupgHome(gnupgHomeOf(keys), home);
      else {
        await runTool("gpg", [...options, "--import", ostreePublicOf(keys)], { from: "gpg" });
        const [from, to] = [join(gnupgHomeOf(keys), privateKeys), join(home, privateKeys)];
        mkdirSync(to, { recursive: true, mode: 0o700 });
        for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name));
      }
    }
    await runTool("gpgconf", ["--homedir", home, "--kill", "all"], { from: "gpg" });
    return await work(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
