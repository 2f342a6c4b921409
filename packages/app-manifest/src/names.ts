/** Names an author chooses. Each is also a part of a container's, a volume's or a host's name, so all are narrow. */
import type { NameRules } from "./shape.ts";

export const nameRules = (pattern: RegExp, called: string): NameRules => ({ pattern, called });

/** Also of volumes. */
export const serviceName = nameRules(
  /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/,
  "a name of 1 to 32 of a-z, 0-9 and -, beginning with a letter",
);

/** Of secrets and settings. */
export const variableName = nameRules(
  /^(?!PICCOLO_)[A-Z][A-Z0-9_]{0,63}$/,
  "a name of 1 to 64 of A-Z, 0-9 and _, beginning with a letter and not with PICCOLO_",
);

/** `--` is kept out, since names with it in the third place are encodings of other names. */
export const appId = nameRules(
  /^(?!.*--)[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/,
  "an id of 1 to 32 of a-z, 0-9 and single -, beginning with a letter",
);

/** Host names the device itself answers to, or that mean something to browsers. */
export const reservedAppIds: ReadonlySet<string> = new Set([
  "api",
  "auth",
  "central",
  "localhost",
  "piccolo",
  "piccolod",
  "portal",
  "www",
]);

export const languagePattern = /^[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,2}$/;
