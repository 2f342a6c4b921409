/**
 * `npm run build [-- FOLDER]`: each program as one executable in `dist/` or the folder, the same bytes each time and
 * wherever the sources lie (tests/build). esbuild makes one module of the
 * sources, Node's single executable form wraps it, with the portal as assets. The native BLAKE3 add-on lies beside piccolod:
 * a Node-API file cannot be loaded from inside the executable, and the WebAssembly version inside gives the same bytes
 * where it is absent. The runtime needs libatomic, which Fedora CoreOS has not: Debian's lies beside it, too.
 */
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { repositoryRoot } from "./run-tests.ts";

const execute = promisify(execFile);
const dist = resolve(process.argv[2] ?? join(repositoryRoot, "dist"));
const scratch = join(dist, ".build");
/** A folder of its own: what stands in `programs/portal/build` may be served by a device at this moment. */
const portal = join(scratch, "portal");

interface Target {
  readonly name: string;
  readonly entry: string;
  /** Asset name to file. */
  readonly assets: () => Readonly<Record<string, string>>;
  /** Options of the runtime. */
  readonly execArgv: readonly string[];
}

/** The catalog of a daemon that is told of none, as on Fedora CoreOS; a release of ours brings its own, signed by its key. */
function catalogAssets(): Record<string, string> {
  const files = ["index.json", "index.sig", "key.hex"];
  return Object.fromEntries(files.map((file) => [`catalog/${file}`, join(repositoryRoot, "catalog", file)]));
}

function portalAssets(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(portal, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [`portal/${relative(portal, path)}`, path]),
  );
}

const targets: readonly Target[] = [
  {
    name: "piccolod",
    entry: "programs/piccolod/src/main.ts",
    assets: () => ({ ...portalAssets(), ...catalogAssets() }),
    // Chunks of 64 KiB become garbage as fast as bytes flow, outside the heap where the collector does not see their
    // weight; a small young generation has it look often, which took 40 MB off the peak (bench footprint).
    execArgv: ["--max-semi-space-size=1"],
  },
  { name: "central", entry: "programs/central/src/main.ts", assets: () => ({}), execArgv: [] },
  { name: "piccolo", entry: "programs/piccolo/src/main.ts", assets: () => ({}), execArgv: [] },
];

async function stripNode(): Promise<string> {
  const stripped = join(scratch, "node");
  copyFileSync(process.execPath, stripped);
  // Stripping takes a fifth off the size; it has to come before the program is added, which it would cut off.
  await execute("strip", [stripped]);
  return stripped;
}

async function buildTarget(target: Target, node: string): Promise<void> {
  const bundle = `${target.name}.mjs`;
  await build({
    entryPoints: [join(repositoryRoot, target.entry)],
    // Names of files end up in what is built; seen from the repository they are the same everywhere.
    absWorkingDir: repositoryRoot,
    outfile: join(scratch, bundle),
    bundle: true,
    platform: "node",
    target: "node26",
    format: "esm",
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
    external: ["@napi-rs/blake-hash"],
    define: { "process.env.NODE_ENV": '"production"' },
    // Some dependencies are CommonJS inside and call require for Node's own modules.
    banner: {
      js: `import { createRequire as requireFor } from "node:module"; const require = requireFor(process.execPath);`,
    },
  });
  const config = `${target.name}.sea.json`;
  const output = join(dist, target.name);
  writeFileSync(
    join(scratch, config),
    JSON.stringify({
      // Kept in the executable as it is written here, so it is relative to where the form is made.
      main: bundle,
      mainFormat: "module",
      executable: node,
      output,
      disableExperimentalSEAWarning: true,
      // A third less of the processor for each start. What V8 makes of a module has its hash seed in it, unless it is told one.
      useCodeCache: true,
      execArgv: target.execArgv,
      // Nothing of the environment changes what the runtime does.
      execArgvExtension: "none",
      assets: target.assets(),
    }),
  );
  await execute(process.execPath, ["--random-seed=1", "--build-sea", config], { cwd: scratch });
  process.stdout.write(`dist/${target.name}  ${(statSync(output).size / 1e6).toFixed(1)} MB\n`);
}

function copyAddOn(): void {
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  const name = `blake.linux-${arch}-gnu.node`;
  const source = join(repositoryRoot, `node_modules/@napi-rs/blake-hash-linux-${arch}-gnu`, name);
  if (!existsSync(source)) throw new Error(`${source} is missing; run npm ci --include=optional`);
  copyFileSync(source, join(dist, "blake-hash.node"));
  process.stdout.write("dist/blake-hash.node\n");
}

function copyLibatomic(): void {
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const places = ["/usr/lib", "/lib"].map((folder) => join(folder, triplet, "libatomic.so.1"));
  const source = places.find((path) => existsSync(path));
  if (source === undefined) throw new Error(`${places[0]} is missing; install Debian's package libatomic1`);
  copyFileSync(source, join(dist, "libatomic.so.1"));
  process.stdout.write("dist/libatomic.so.1\n");
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(scratch, { recursive: true });
await execute(
  process.execPath,
  [join(repositoryRoot, "node_modules/vite/bin/vite.js"), "build", "--logLevel", "warn", "--outDir", portal],
  {
    cwd: join(repositoryRoot, "programs/portal"),
  },
);
const node = await stripNode();
for (const target of targets) await buildTarget(target, node);
copyAddOn();
copyLibatomic();
rmSync(scratch, { recursive: true });
