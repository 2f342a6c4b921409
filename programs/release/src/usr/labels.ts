/** SELinux labels of a root, by the policy that lies in it: what `setfiles` would write, without SELinux on the build machine. */
import { malformed } from "@piccolo/bytes";
import type { Directory, TreeNode } from "./tree.ts";

type Kind = "file" | "directory" | "link";

interface Rule {
  /** What each path it fits begins with; the whole path of a rule without a pattern. */
  readonly begin: string;
  /** Undefined where the path itself is meant. */
  readonly pattern: RegExp | undefined;
  readonly kind: Kind | undefined;
  /** Undefined: the path has no label of its own. */
  readonly label: string | undefined;
}

export interface LabelPolicy {
  /** Undefined for a path that no rule fits, or that shall have none. */
  labelOf(path: string, kind: Kind): string | undefined;
}

const kinds: Readonly<Record<string, Kind | "other">> = {
  "--": "file",
  "-d": "directory",
  "-l": "link",
  "-c": "other",
  "-b": "other",
  "-p": "other",
  "-s": "other",
};
const meta = /[.^$?*+|[({]/;
const rulesMax = 65_536;

const linesOf = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

/** Up to the first character with a meaning; one that `?` or `*` makes optional does not belong to it. */
function literalOf(pattern: string): { readonly begin: string; readonly isWhole: boolean } {
  let begin = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? "";
    if (character === "\\" && /[^A-Za-z0-9]/.test(pattern[at + 1] ?? "")) {
      begin += pattern[++at] ?? "";
      continue;
    }
    if (character === "\\" || meta.test(character)) {
      const isOptional = /[?*{]/.test(character);
      return { begin: isOptional ? begin.slice(0, -1) : begin, isWhole: false };
    }
    begin += character;
  }
  return { begin, isWhole: true };
}

function ruleOf(line: string): Rule | undefined {
  const words = line.split(/\s+/);
  const [pattern = "", second = "", third] = words;
  const type = third === undefined ? undefined : kinds[second];
  const label = third ?? second;
  if (words.length < 2 || words.length > 3 || (third !== undefined && type === undefined)) {
    throw malformed(`a rule of the label policy is not understood: ${line}`);
  }
  if (type === "other") return undefined;
  // An alternative at the top would make the beginning of the first one that of all.
  const { begin, isWhole } = literalOf(pattern);
  const isSplit = !isWhole && /\|/.test(pattern.replaceAll(/\\.|\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\)/g, ""));
  let compiled: RegExp | undefined;
  try {
    compiled = isWhole ? undefined : new RegExp(`^(?:${pattern})$`, "s");
  } catch (cause) {
    throw malformed(`a pattern of the label policy is not understood: ${pattern}`, cause);
  }
  return {
    begin: isSplit ? "" : begin,
    pattern: compiled,
    kind: type,
    label: label === "<<none>>" ? undefined : label,
  };
}

/**
 * Reads `file_contexts` and `file_contexts.subs_dist`. The last rule that fits counts, and those without a pattern
 * count before all others.
 */
export function parseLabelPolicy(contexts: string, substitutions = ""): LabelPolicy {
  const lines = linesOf(contexts);
  if (lines.length > rulesMax) throw malformed("the label policy has too many rules");
  const rules = lines.flatMap((line) => ruleOf(line) ?? []);
  const exact = new Map<string, Rule[]>();
  const patterns: Rule[] = [];
  for (const rule of rules.reverse()) {
    if (rule.pattern !== undefined) patterns.push(rule);
    else exact.set(rule.begin, [...(exact.get(rule.begin) ?? []), rule]);
  }
  const aliases = linesOf(substitutions).map((line) => line.split(/\s+/) as [string, string]);
  const isOf = (rule: Rule, kind: Kind): boolean => rule.kind === undefined || rule.kind === kind;
  return {
    labelOf(path, kind) {
      const alias = aliases.find(([from]) => path === from || path.startsWith(`${from}/`));
      const looked = alias === undefined ? path : `${alias[1]}${path.slice(alias[0].length)}`;
      const found =
        exact.get(looked)?.find((rule) => isOf(rule, kind)) ??
        patterns.find((rule) => looked.startsWith(rule.begin) && isOf(rule, kind) && rule.pattern?.test(looked));
      return found?.label;
    },
  };
}

const kindOf = (node: TreeNode): Kind =>
  node.kind === "directory" ? "directory" : node.kind === "link" ? "link" : "file";

/** The tree with the label of each path in its attributes. `/usr/etc` is labelled as what it is mounted as, `/etc`. */
export function labelTree(root: Directory, policy: LabelPolicy): Directory {
  const label = (node: TreeNode, path: string): TreeNode => {
    const seen = path.replace(/^\/usr\/etc(?=\/|$)/, "/etc");
    const found = policy.labelOf(seen, kindOf(node));
    // The kernel wants the text with its terminator.
    const value = found === undefined ? undefined : Buffer.from(`${found}\0`, "utf8");
    const xattrs = value === undefined ? node.xattrs : { ...node.xattrs, "security.selinux": value };
    const labelled = xattrs === undefined ? node : { ...node, xattrs };
    if (labelled.kind !== "directory") return labelled;
    const below = [...labelled.entries].map(
      ([name, entry]) => [name, label(entry, `${path === "/" ? "" : path}/${name}`)] as const,
    );
    return { ...labelled, entries: new Map(below) };
  };
  return label(root, "/") as Directory;
}
