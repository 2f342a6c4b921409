/**
 * Compiles assembly/kernel.ts to the two committed modules in src: `node packages/erasure/build-kernel.ts`. The
 * compiler's version is pinned, so that the same source gives the same bytes; a test rebuilds and compares them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

const source = join(import.meta.dirname, "assembly/kernel.ts");

const builds = [
  { file: "src/kernel-plain.wasm.ts", constant: "kernelPlain", features: ["simd"] },
  { file: "src/kernel-relaxed.wasm.ts", constant: "kernelRelaxed", features: ["simd", "relaxed-simd"] },
] as const;

/** 32 pages of 64 KiB: tables (520 KB), window (512 KiB), room to spare; src/kernel.ts asserts that it is enough. */
const pages = "32";
const options = [
  "--runtime",
  "stub",
  "--noAssert",
  "-O3",
  "--converge",
  "--initialMemory",
  pages,
  "--maximumMemory",
  pages,
];

async function compile(features: readonly string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  let complaints = "";
  const { error } = await asc.main(
    ["kernel.ts", "--outFile", "kernel.wasm", ...options, ...features.flatMap((feature) => ["--enable", feature])],
    {
      readFile: (name) => (name === "kernel.ts" ? readFileSync(source, "utf8") : null),
      writeFile: (name, contents) => {
        if (name === "kernel.wasm" && typeof contents !== "string") binary = contents;
      },
      listFiles: () => [],
      stderr: {
        write: (text) => {
          complaints += String(text);
        },
      },
    },
  );
  if (error !== null || binary === undefined) throw new Error(`assembly/kernel.ts does not compile\n${complaints}`);
  return binary;
}

/** The committed files, as they must be: path within the package to text. */
export async function buildKernel(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { file, constant, features } of builds) {
    const lines = (await compile(features)).toBase64().match(/.{1,116}/g) ?? [];
    const text = lines.map((line) => `  "${line}"`).join(" +\n");
    files.set(
      join(import.meta.dirname, file),
      `/** Written by build-kernel.ts from assembly/kernel.ts (${features.join(", ")}). */\nexport const ${constant} =\n${text};\n`,
    );
  }
  return files;
}

if (import.meta.main) {
  for (const [path, text] of await buildKernel()) writeFileSync(path, text);
}
