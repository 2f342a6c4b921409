/** Mounts of a foreign service: which become volumes of the app's own, and which are left out or refused. */
import { shown } from "../problems.ts";
import { leftOutPath } from "./dialect.ts";
import type { Draft, MountingService } from "./draft.ts";
import { isMap, type Plain, textAt, textOf } from "./plain.ts";

/** `source:target:mode` at its colons, but for those within `${NAME:-fallback}`. */
export function mountParts(line: string): readonly string[] {
  const parts: string[] = [];
  let end = line.length;
  let isInside = false;
  for (let at = line.length - 1; at >= 0; at -= 1) {
    const character = line.charAt(at);
    if (character === "}") isInside = true;
    else if (character === "$" || character === "{") isInside = false;
    else if (character === ":" && !isInside) {
      parts.push(line.slice(at + 1, end));
      end = at;
    }
  }
  parts.push(line.slice(0, end));
  return parts.toReversed();
}

/** A path without the slashes at its end; `/` stays. */
export function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path.charAt(end - 1) === "/") end -= 1;
  return path.slice(0, end);
}

interface ForeignMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

function mountOf(value: Plain): ForeignMount | undefined {
  if (isMap(value)) {
    const target = textAt(value, "target");
    const source = textAt(value, "source") ?? "";
    return target === undefined ? undefined : { source, target, readOnly: value["read_only"] === true };
  }
  const line = textOf(value);
  if (line === undefined) return undefined;
  const parts = mountParts(line);
  const [source = "", target = "", mode = ""] = parts;
  return parts.length === 1
    ? { source: "", target: source, readOnly: false }
    : { source, target, readOnly: mode.includes("ro") };
}

export function translateMount(draft: Draft, value: Plain, path: string, service: MountingService): string | undefined {
  const mount = mountOf(value);
  if (mount === undefined) return undefined;
  const { source } = mount;
  const target = withoutSlashes(mount.target.trim());
  if (/\.sock(?:$|\/)/.test(source)) {
    draft.refuse(
      "container-socket",
      path,
      `${shown(source)} would give the app the device.`,
      "This app cannot run on this device.",
    );
    return undefined;
  }
  if (leftOutPath.test(source)) {
    draft.note("mount-left-out", path, `${shown(source)} is left out; the time zone comes as a variable.`);
    return undefined;
  }
  const isNamed = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(source);
  // A volume without a name is the one service's at the one place.
  const meaning =
    source === ""
      ? { kind: "unnamed" as const, folder: service.name, rest: target }
      : isNamed
        ? { kind: "named" as const, folder: "", rest: source }
        : draft.dialect.hostPath(source);
  if (meaning.kind === "left-out") {
    draft.note("mount-left-out", path, `${shown(source)} is left out.`);
    return undefined;
  }
  if (meaning.kind === "refused") {
    draft.refuse(
      "host-path",
      path,
      `${shown(source)} is a path of the machine.`,
      "This app needs the machine's own files and cannot run here.",
    );
    return undefined;
  }
  if (!isNamed && /\.(?:conf|cfg|ini|json|sh|template|toml|txt|ya?ml)$/.test(meaning.rest)) {
    draft.refuse(
      "not-importable",
      path,
      `${shown(source)} is a file that lies beside the definition.`,
      "Put its content into the image or into variables.",
    );
    return undefined;
  }
  if (meaning.kind === "shared") {
    draft.note("folder-of-its-own", path, `${shown(source)} is shared by apps there; here it is this app's alone.`);
  }
  return `${draft.volumeFor({ ...meaning, written: source }, path, service)}:${target}${mount.readOnly ? ":ro" : ""}`;
}
