/** `npm run release -- VERB`: the release pipeline, one verb a step. */
import { isFault } from "@piccolo/fault";
import { readInvocation, UsageError } from "./config.ts";

interface Verb {
  /** Resolves to the exit code; throws `UsageError` for arguments it cannot use. */
  run(args: readonly string[]): Promise<number>;
}

/** Each verb loads its own module only, so that a light one needs nothing of the heavy ones. */
const verbs: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<Verb> }>> = {
  build: {
    summary: "builds the operating system's image: commit, boot image, disk image",
    load: () => import("./build/verb.ts"),
  },
  ignition: {
    summary: "makes the Ignition configuration that puts piccolod onto a Fedora CoreOS",
    load: () => import("./ignition/ignition.ts"),
  },
  keys: {
    summary: "makes the keys a release is signed with, or takes over given ones",
    load: () => import("./keys/keys.ts"),
  },
  predict: {
    summary: "predicts and signs what a boot of the release will measure",
    load: () => import("./predict/predict.ts"),
  },
  verify: {
    summary: "holds a built release against its papers, its signatures and itself",
    load: () => import("./verify/verb.ts"),
  },
};

async function run(): Promise<number> {
  const { verb, args } = readInvocation();
  const chosen = verb === undefined ? undefined : verbs[verb];
  if (chosen === undefined) {
    const lines = Object.entries(verbs).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`);
    process.stderr.write(`usage: npm run release -- VERB\n${lines.join("\n")}\n`);
    return 2;
  }
  try {
    return await (await chosen.load()).run(args);
  } catch (error) {
    if (!(error instanceof UsageError) && !isFault(error)) throw error;
    process.stderr.write(`release: ${error.message}\n`);
    return isFault(error) ? 1 : 2;
  }
}

process.exitCode = await run();
