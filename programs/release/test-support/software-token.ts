/** A PKCS#11 token of software, for tests of keys that never leave one. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { placesOf, type Role } from "../src/keys/roles.ts";

const pin = "1234";

export class SoftwareToken {
  readonly #folder = mkdtempSync(join(tmpdir(), "softhsm-"));
  #keys = 0x10;

  constructor() {
    writeFileSync(join(this.#folder, "softhsm2.conf"), `directories.tokendir = ${this.#folder}\nlog.level = ERROR\n`);
    process.env["SOFTHSM2_CONF"] = join(this.#folder, "softhsm2.conf");
    this.#run("--init-token", "--free", "--label", "releases", "--pin", pin, "--so-pin", "12345678");
    writeFileSync(join(this.#folder, "pin"), pin);
  }

  #run(...args: readonly string[]): void {
    execFileSync("softhsm2-util", args, { stdio: "pipe" });
  }

  /** Moves the role's private key from the folder of keys onto the token, and leaves its URI there. */
  take(folder: string, role: Exclude<Role, "ostree">): void {
    const { privateKey, token } = placesOf(folder, role);
    this.#keys += 1;
    const id = ["--id", this.#keys.toString(16)];
    this.#run("--import", privateKey, "--token", "releases", "--label", role, ...id, "--pin", pin);
    rmSync(privateKey);
    const place = join(this.#folder, "pin");
    writeFileSync(token, `pkcs11:token=releases;object=${role};type=private?pin-source=file:${place}\n`);
  }

  close(): void {
    delete process.env["SOFTHSM2_CONF"];
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
