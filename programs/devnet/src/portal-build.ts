/** Builds the portal when its sources are newer than what was built last. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

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

/** SQLite's result code where another process has the lock. */
const sqliteBusy = 5;

/** Resolves once no other process builds; the kernel lets go of the lock when the process ends, however it ends. */
async function lock(): Promise<DatabaseSync> {
  const folder = join(root, ".piccolo");
  mkdirSync(folder, { recursive: true });
  const db = new DatabaseSync(join(folder, "portal-build.lock"), { timeout: 0 });
  for (;;) {
    try {
      db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
      return db;
    } catch (error) {
      if (error instanceof Error && "errcode" in error && error.errcode === sqliteBusy) {
        await delay(100);
        continue;
      }
      db.close();
      throw error;
    }
  }
}

/** One at a time: a build begins with an empty folder, and another process's device may serve from it already. */
export async function buildPortal(say: (text: string) => void): Promise<void> {
  const held = await lock();
  try {
    await buildWhereOld(say);
  } finally {
    held.close();
  }
}

async function buildWhereOld(say: (text: string) => void): Promise<void> {
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
