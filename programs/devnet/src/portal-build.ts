/** Builds the portal when its sources are newer than what was built last. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");
const portal = join(root, "programs/portal");
const sourceFolders = ["programs/portal/src", "programs/portal/public", "packages/device-api/src"];
const sourceFiles = ["programs/portal/index.html", "programs/portal/vite.config.ts", "package-lock.json"];

function newestMs(path: string): number {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

export async function buildPortal(say: (text: string) => void): Promise<void> {
  const built = newestMs(join(portal, "build/index.html"));
  const sources = Math.max(...[...sourceFolders, ...sourceFiles].map((path) => newestMs(join(root, path))));
  if (built > sources) return;
  say("building the portal");
  const child = spawn(process.execPath, [join(root, "node_modules/vite/bin/vite.js"), "build", "--logLevel", "warn"], {
    cwd: portal,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", resolve);
  });
  if (code !== 0) throw new Error(`the portal could not be built (exit code ${code}); see above`);
}
