/**
 * The architecture as a test: arrows between workspaces run one way, packages touch nothing of the machine, and names
 * follow STYLE.md. What it forbids is listed with the file that does it.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "./run-tests.ts";

/** Lower tiers never import higher ones; workspaces of one tier never import each other. */
const tiers: readonly (readonly string[])[] = [
  ["fault", "world"],
  ["bytes"],
  ["envelope", "erasure", "wire", "tpm2", "oci-image"],
  ["attest", "membership", "app-manifest", "device-api", "central-api"],
  ["storage"],
  ["piccolod", "central", "portal", "piccolo", "devnet", "release"],
];

const onlyFromDeviceApi = new Set(["portal", "piccolo"]);
const skippedFolders = new Set(["node_modules", "build", "dist", ".piccolo", ".git", "assembly"]);

interface Source {
  readonly path: string;
  readonly text: string;
  /** Name of the package or program, undefined for tools, bench and tests. */
  readonly workspace: string | undefined;
  readonly group: string;
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (skippedFolders.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

const sources: readonly Source[] = walk(repositoryRoot)
  .map((path) => relative(repositoryRoot, path))
  .filter((path) => /\.(?:ts|tsx|js)$/.test(path))
  .map((path) => {
    const [group = "", workspace] = path.split("/");
    return {
      path,
      text: readFileSync(join(repositoryRoot, path), "utf8"),
      workspace: group === "packages" || group === "programs" ? workspace : undefined,
      group,
    };
  });

const isTest = (path: string): boolean => path.endsWith(".test.ts") || /\/(?:suites|test-support)\//.test(path);
const productOf = (group: string): readonly Source[] => sources.filter((s) => s.group === group && !isTest(s.path));

function importsOf(source: Source): { readonly from: string; readonly typeOnly: boolean }[] {
  const pattern = /^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm;
  return [...source.text.matchAll(pattern)].map((match) => ({
    from: match[2] ?? match[3] ?? "",
    typeOnly: match[1] !== undefined,
  }));
}

function tierOf(workspace: string): number {
  return tiers.findIndex((tier) => tier.includes(workspace));
}

function none(offences: readonly string[]): void {
  assert.deepEqual(offences, []);
}

test("every workspace has a place in the order of arrows", () => {
  const workspaces = new Set(sources.flatMap((source) => source.workspace ?? []));
  none([...workspaces].filter((workspace) => tierOf(workspace) < 0));
});

test("a workspace imports only workspaces of lower tiers", () => {
  none(
    sources.flatMap((source) => {
      const { workspace } = source;
      if (workspace === undefined) return [];
      return importsOf(source)
        .filter(({ from }) => from.startsWith("@piccolo/"))
        .filter(({ from }) => from.split("/")[1] !== workspace)
        .filter(({ from }) => tierOf(from.split("/")[1] ?? "") >= tierOf(workspace))
        .map(({ from }) => `${source.path} imports ${from}`);
    }),
  );
});

test("no file reaches into another workspace by a relative path", () => {
  none(
    sources.flatMap((source) => {
      if (source.workspace === undefined) return [];
      const home = `${source.group}/${source.workspace}/`;
      // Tests may read the repository's vectors and tools, never another workspace's inside.
      return importsOf(source)
        .filter(({ from }) => from.startsWith("."))
        .filter(({ from }) => {
          const target = join(dirname(source.path), from);
          return /^(?:packages|programs)\//.test(target) && !target.startsWith(home);
        })
        .map(({ from }) => `${source.path} imports ${from}`);
    }),
  );
});

test("what a workspace imports is declared in its package.json", () => {
  none(
    sources.flatMap((source) => {
      if (source.workspace === undefined || isTest(source.path)) return [];
      const manifest = JSON.parse(
        readFileSync(join(repositoryRoot, source.group, source.workspace, "package.json"), "utf8"),
      ) as Record<string, Record<string, string> | undefined>;
      const declared = new Set(
        ["dependencies", "devDependencies", "optionalDependencies"].flatMap((key) => Object.keys(manifest[key] ?? {})),
      );
      const inRoot = new Set(["assemblyscript"]);
      return importsOf(source)
        .filter(({ from }) => !/^(?:\.|node:|virtual:)/.test(from))
        .map(({ from }) =>
          from
            .split("/")
            .slice(0, from.startsWith("@") ? 2 : 1)
            .join("/"),
        )
        .filter((name) => name !== `@piccolo/${source.workspace}` && !declared.has(name) && !inRoot.has(name))
        .map((name) => `${source.path} imports ${name}`);
    }),
  );
});

test("the portal and the command line know only the device's contract, the portal only its types", () => {
  none(
    productOf("programs").flatMap((source) =>
      onlyFromDeviceApi.has(source.workspace ?? "")
        ? importsOf(source)
            .filter(({ from }) => from.startsWith("@piccolo/"))
            .filter(({ from, typeOnly }) => {
              if (from === "@piccolo/device-api/client") return false;
              if (source.workspace === "piccolo" && from === "@piccolo/app-manifest") return false;
              return from !== "@piccolo/device-api" || (source.workspace === "portal" && !typeOnly);
            })
            .map(({ from }) => `${source.path} imports ${from}`)
        : [],
    ),
  );
});

/** The one file of the packages that may touch the machine, and build steps, which are no part of a package's product. */
const mayTouchTheMachine = new Set(["packages/world/src/real.ts"]);
const isBuildStep = (path: string): boolean => /^packages\/[^/]+\/build-[^/]+\.ts$/.test(path);
const pureSources = productOf("packages").filter(
  ({ path }) => !mayTouchTheMachine.has(path) && !isBuildStep(path) && !path.includes("/test-support/"),
);

test("packages import only node:assert and the deterministic part of node:crypto", () => {
  const deterministic = new Set([
    "argon2Sync",
    "createCipheriv",
    "createDecipheriv",
    "createHash",
    "createHmac",
    "createPrivateKey",
    "createPublicKey",
    "createSecretKey",
    "diffieHellman",
    "hash",
    "hkdfSync",
    "KeyObject",
    "sign",
    "timingSafeEqual",
    "verify",
  ]);
  none(
    pureSources.flatMap((source) => {
      const modules = importsOf(source)
        .filter(({ from }) => from.startsWith("node:"))
        .filter(({ from }) => !["node:assert", "node:assert/strict", "node:crypto"].includes(from))
        .map(({ from }) => `${source.path} imports ${from}`);
      const names = [...source.text.matchAll(/^import\s+(type\s+)?\{([^}]*)\}\s+from\s+"node:crypto"/gm)]
        .filter((match) => match[1] === undefined)
        .flatMap((match) => (match[2] ?? "").split(","))
        .map((name) => name.trim())
        .filter((name) => name !== "" && !name.startsWith("type "))
        .map((name) => name.split(" as ")[0] ?? name)
        .filter((name) => !deterministic.has(name))
        .map((name) => `${source.path} imports ${name} from node:crypto`);
      const whole = /^import\s+(?:\*\s+as\s+)?\w+\s+from\s+"node:crypto"/m.test(source.text)
        ? [`${source.path} imports all of node:crypto`]
        : [];
      return [...modules, ...names, ...whole];
    }),
  );
});

function withoutCommentsAndStrings(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"/g, '""')
    .replaceAll(/\/\/.*$/gm, "");
}

test("packages take time, timers, randomness and the network from ports", () => {
  const forbidden =
    /\bnew Date\b|\bDate\.|\bMath\.random\b|(?<![.\w])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\(|(?<=\S.*)(?<![.\w]|async )fetch\(|\bprocess\.|\bconsole\.|\bperformance\.|\bcrypto\.|\bglobalThis\b/;
  // The typed clients take a fetch function under that name; the seeded world lets promises settle between two timers.
  const argued = new Map([["packages/world/src/seeded.ts", /\bsetImmediate\(/g]]);
  none(
    pureSources.flatMap((source) => {
      const allowed = argued.get(source.path);
      let text = withoutCommentsAndStrings(source.text);
      if (allowed !== undefined) text = text.replaceAll(allowed, "");
      return text
        .split("\n")
        .filter((line) => forbidden.test(line))
        .map((line) => `${source.path}: ${line.trim()}`);
    }),
  );
});

test("pure decisions import no effects", () => {
  none(
    sources
      .filter(({ path }) => basename(path) === "decide.ts")
      .flatMap((source) =>
        importsOf(source)
          .filter(({ from, typeOnly }) => !typeOnly && /^node:(?!assert)|adapters\/|\/http\/|\/db\//.test(from))
          .map(({ from }) => `${source.path} imports ${from}`),
      ),
  );
});

test("only config.ts of a program reads the environment and the arguments", () => {
  none(
    productOf("programs")
      .filter(({ path, workspace }) => basename(path) !== "config.ts" && workspace !== "portal")
      .filter(({ text }) => /\bprocess\.(?:env|argv)\b/.test(withoutCommentsAndStrings(text)))
      .map(({ path }) => path),
  );
});

test("files have kebab-case names, and no drawer of unrelated things", () => {
  none(
    sources
      .filter(({ path }) => {
        const parts = path.split("/");
        return parts.some(
          (part) =>
            !/^\.?[a-z0-9]+(?:[-.][a-z0-9]+)*$/.test(part) ||
            /^(?:utils?|helpers?|common|misc|manager|shared|lib)(?:\.|$)|-(?:utils?|helpers?|manager)\./.test(part),
        );
      })
      .map(({ path }) => path),
  );
});

test("no test is switched off, none is alone, and none is left to be done", () => {
  none(
    sources
      .filter(({ path }) => path !== "tools/tidy.test.ts")
      .filter(({ text }) => /\b(?:test|it|describe|suite)\.(?:skip|only|todo)\b|\{\s*(?:skip|only|todo):/.test(text))
      .map(({ path }) => path),
  );
});

test("no work is left in comments", () => {
  none(
    sources
      .filter(({ path }) => path !== "tools/tidy.test.ts")
      .filter(({ text }) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text))
      .map(({ path }) => path),
  );
});

test("package-lock.json names no registry, and every package in it has a checksum", () => {
  const lock = JSON.parse(readFileSync(join(repositoryRoot, "package-lock.json"), "utf8")) as {
    packages: Record<string, { resolved?: string; integrity?: string; link?: boolean; inBundle?: boolean }>;
  };
  none(
    Object.entries(lock.packages)
      .filter(([path]) => path.includes("node_modules/"))
      // What lies in another package's archive is covered by that one's checksum.
      .filter(([, entry]) => entry.link !== true && entry.inBundle !== true)
      .filter(([, entry]) => entry.resolved !== undefined || entry.integrity === undefined)
      .map(([path]) => path),
  );
});

test("dependencies are pinned to one exact version", () => {
  none(
    walk(repositoryRoot)
      .filter((path) => basename(path) === "package.json")
      .flatMap((path) => {
        const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<string, Record<string, string> | undefined>;
        return ["dependencies", "devDependencies", "optionalDependencies"].flatMap((key) =>
          Object.entries(manifest[key] ?? {})
            .filter(([name, version]) => !name.startsWith("@piccolo/") && !/^\d+\.\d+\.\d+$/.test(version))
            .map(([name, version]) => `${relative(repositoryRoot, path)}: ${name} ${version}`),
        );
      }),
  );
});
