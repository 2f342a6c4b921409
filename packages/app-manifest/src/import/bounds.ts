/**
 * What no manifest may have is refused before anything of a definition is translated: a translation looks at each part
 * together with the others, and the check would find it too late.
 */
import { below, type Problems } from "../problems.ts";
import { environmentMax, environmentValueLengthMax, mountLengthMax, mountsMax } from "../service-shape.ts";
import { servicesMax } from "../check.ts";
import { isMap, listAt, type Plain, type PlainMap, textAt, textOf } from "./plain.ts";

/** Of an id and of a service's name; what is left of it here is much shorter. */
const nameLengthMax = 100;

export interface ForeignService {
  /** As the definition writes it. */
  readonly name: string;
  /** JSON Pointer. */
  readonly path: string;
  readonly body: PlainMap;
}

export interface ForeignId {
  readonly text: string;
  /** JSON Pointer. */
  readonly path: string;
}

export function noteOutOfBounds(problems: Problems, path: string, what: string, max: number): void {
  problems.add("out-of-bounds", path, undefined, `There are more than ${max} ${what}.`, "Such an app cannot run here.");
}

function noteTooLong(problems: Problems, path: string, length: number, lengthMax: number): void {
  if (length <= lengthMax) return;
  problems.add("out-of-bounds", path, undefined, `The text has ${length} characters.`, `Write at most ${lengthMax}.`);
}

function noteMounts(problems: Problems, body: PlainMap, path: string): void {
  const mounts = listAt(body, "volumes");
  if (mounts.length > mountsMax) noteOutOfBounds(problems, path, "mounts", mountsMax);
  for (const [at, mount] of mounts.entries()) {
    const texts = isMap(mount) ? [textAt(mount, "source"), textAt(mount, "target")] : [textOf(mount)];
    for (const text of texts) noteTooLong(problems, below(path, at), text?.length ?? 0, mountLengthMax);
  }
}

function noteEnvironment(problems: Problems, environment: Plain | undefined, path: string): void {
  const isList = Array.isArray(environment);
  const pairs = isMap(environment) || isList ? Object.entries(environment as Readonly<Record<string, Plain>>) : [];
  if (pairs.length > environmentMax) noteOutOfBounds(problems, path, "variables", environmentMax);
  for (const [key, written] of pairs) {
    const text = textOf(written) ?? "";
    // In a list the name stands before it.
    const length = isList ? text.length - text.indexOf("=") - 1 : text.length;
    noteTooLong(problems, below(path, key), length, environmentValueLengthMax);
  }
}

/** Notes a problem for each bound that a definition exceeds. */
export function noteBounds(problems: Problems, id: ForeignId, services: readonly ForeignService[]): void {
  noteTooLong(problems, id.path, id.text.length, nameLengthMax);
  if (services.length > servicesMax) {
    noteOutOfBounds(problems, "/services", "services", servicesMax);
    return;
  }
  for (const { name, path, body } of services) {
    noteTooLong(problems, path, name.length, nameLengthMax);
    noteMounts(problems, body, below(path, "volumes"));
    noteEnvironment(problems, body["environment"], below(path, "environment"));
  }
}
