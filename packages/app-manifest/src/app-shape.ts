/** `x-piccolo` as it may be written. */
import type { Node } from "./document.ts";
import { appId, languagePattern, nameRules, serviceName, variableName } from "./names.ts";
import type { Problems } from "./problems.ts";
import { duration, size } from "./quantities.ts";
import {
  byKind,
  flag,
  list,
  mapOf,
  maybe,
  needed,
  object,
  oneOf,
  type Read,
  type Shape,
  text,
  turned,
  whole,
} from "./shape.ts";
import {
  categories,
  type DataVolume,
  type GeneratedSecret,
  type Grant,
  type LocalizedText,
  type Setting,
} from "./types.ts";

/** Text in English, or a map of languages that has English. */
function localized(lengthMax: number, lines = false): Shape<LocalizedText> {
  const inner = text({ lengthMax, lines, isRead: true });
  return byKind(
    {
      scalar: turned(inner, (en) => ({ en })),
      map: turned(
        mapOf(nameRules(languagePattern, "a language such as de or pt-br"), inner, 50, 1),
        (map, node, path, problems) => {
          const en = map.get("en");
          if (en !== undefined) return { ...Object.fromEntries(map), en };
          problems.add("missing-key", path, node.place, "The text has no English.", 'Add it under "en".');
          return undefined;
        },
      ),
    },
    "a text, or texts by language",
  );
}

const urlPath = { lengthMax: 512, pattern: /^\/[\x21-\x7e]*$/, called: "a path with a slash in front" } as const;

/** A path by exact match, or with everything below it. `..` and encodings would let one path be written in many ways. */
const publicPath = text({
  lengthMax: 256,
  pattern: /^(?!.*\/\.\.?(?:\/|$))\/(?:[A-Za-z0-9._~-]+(?:\/[A-Za-z0-9._~-]+)*\/?)?(?:(?<=\/)\*)?$/,
  called: "a path such as /share/* of plain characters",
});

const web = object({
  service: needed(text({ lengthMax: 100 })),
  port: needed(whole(1, 65_535)),
  "start-path": maybe(text(urlPath)),
  "health-path": maybe(text(urlPath)),
  "start-time": maybe(duration(1000, 1_800_000)),
});

export const volumeBytes = { minimum: 2 ** 20, maximum: 2 ** 44 } as const;

const volume: Shape<Omit<DataVolume, "name" | "title"> & { readonly title: LocalizedText | undefined }> = turned(
  object({
    title: maybe(localized(100)),
    snapshot: needed(oneOf(["stop", "pause", "live"])),
    backup: maybe(flag()),
    "size-max": maybe(size(volumeBytes.minimum, volumeBytes.maximum)),
  }),
  (value) => ({
    title: value.title,
    snapshot: value.snapshot,
    backup: value.backup ?? true,
    ...(value["size-max"] === undefined ? {} : { sizeBytesMax: value["size-max"] }),
  }),
);

const secret: Shape<Omit<GeneratedSecret, "name">> = turned(
  object({
    length: maybe(whole(16, 128)),
    alphabet: maybe(oneOf(["alphanumeric", "hex", "base64url"])),
    "shown-as": maybe(localized(100)),
  }),
  (value) => ({
    length: value.length ?? 32,
    alphabet: value.alphabet ?? "alphanumeric",
    shownAs: value["shown-as"],
  }),
);

/** `null` is a secret with all its usual properties. */
const secretOrNothing: Shape<Omit<GeneratedSecret, "name">> = byKind(
  {
    map: secret,
    scalar: {
      read: (node, path, problems) => {
        const usual: Node = { kind: "map", entries: new Map(), place: node.place };
        return secret.read(node.kind === "scalar" && node.value === null ? usual : node, path, problems);
      },
      schema: { type: "null" },
    },
  },
  "a map",
);

const choice = object({ value: needed(text({ lengthMax: 200 })), label: needed(localized(100)) });

const settingFields = {
  type: needed(oneOf(["text", "password", "number", "switch", "choice"])),
  label: needed(localized(100)),
  hint: maybe(localized(500)),
  default: maybe(text({ lengthMin: 0, lengthMax: 1000 })),
  "length-max": maybe(whole(1, 1000)),
  minimum: maybe(whole(0, Number.MAX_SAFE_INTEGER)),
  maximum: maybe(whole(0, Number.MAX_SAFE_INTEGER)),
  choices: maybe(list(choice, 50, 1)),
} as const;

/** Omit over each member of a union. */
type Nameless<T> = T extends unknown ? Omit<T, "name"> : never;

const keysOfKind: Readonly<Record<Setting["kind"], readonly string[]>> = {
  text: ["default", "length-max"],
  password: ["length-max"],
  number: ["default", "minimum", "maximum"],
  switch: ["default"],
  choice: ["default", "choices"],
};

const setting: Shape<Nameless<Setting>> = turned(object(settingFields), turnSetting);

function turnSetting(
  value: Read<typeof settingFields>,
  node: Node,
  path: string,
  problems: Problems,
): Nameless<Setting> | undefined {
  const { type: kind, label, hint } = value;
  const refuse = (reason: string, advice: string): undefined => {
    problems.add("wrong-value", path, node.place, reason, advice);
    return undefined;
  };
  const strange = ["default", "length-max", "minimum", "maximum", "choices"].filter(
    (key) => value[key as keyof typeof value] !== undefined && !keysOfKind[kind].includes(key),
  );
  if (strange.length > 0) {
    return refuse(`A ${kind} setting has no ${strange.join(", ")}.`, `Use only: ${keysOfKind[kind].join(", ")}.`);
  }
  const lengthMax = value["length-max"] ?? 200;
  const base = { label, hint };
  switch (kind) {
    case "text": {
      if ((value.default?.length ?? 0) > lengthMax) return refuse("The default is too long.", "Shorten it.");
      return { ...base, kind, default: value.default, lengthMax };
    }
    case "password":
      return { ...base, kind, lengthMax };
    case "number": {
      const minimum = value.minimum ?? 0;
      const maximum = value.maximum ?? Number.MAX_SAFE_INTEGER;
      const usual = value.default === undefined ? undefined : Number(value.default);
      const inside = usual === undefined || (Number.isSafeInteger(usual) && usual >= minimum && usual <= maximum);
      if (!inside || minimum > maximum) return refuse("The default is outside the bounds.", "Correct one of them.");
      return { ...base, kind, default: usual, minimum, maximum };
    }
    case "switch": {
      if (![undefined, "true", "false"].includes(value.default)) {
        return refuse("A switch is true or false.", "Write one of them as default.");
      }
      return { ...base, kind, default: value.default === "true" };
    }
    case "choice": {
      const { choices = [] } = value;
      const values = new Set(choices.map((entry) => entry.value));
      const usual = value.default ?? choices[0]?.value;
      if (usual === undefined || !values.has(usual) || values.size !== choices.length) {
        return refuse(
          "The default is none of the choices, or two are alike.",
          "Give different choices and one of them as default.",
        );
      }
      return { ...base, kind, default: usual, choices };
    }
    default:
      return refuse("The setting has an unknown type.", "Choose another.");
  }
}

const grants: Shape<readonly Grant[]> = turned(
  object({
    internet: maybe(object({ reason: needed(localized(300)), required: maybe(flag()) })),
    "public-paths": maybe(
      object({ reason: needed(localized(300)), required: maybe(flag()), paths: needed(list(publicPath, 50, 1)) }),
    ),
  }),
  ({ internet, "public-paths": open }): readonly Grant[] => [
    ...(internet === undefined
      ? []
      : [{ kind: "internet" as const, reason: internet.reason, required: internet.required ?? true }]),
    ...(open === undefined
      ? []
      : [
          {
            kind: "public-paths" as const,
            reason: open.reason,
            required: open.required ?? false,
            paths: [...new Set(open.paths)],
          },
        ]),
  ],
);

const address = text({ lengthMax: 300, pattern: /^https:\/\/[\x21-\x7e]+$/, called: "an https address" });

const idText = text({ lengthMax: 100, ...appId, code: "name-refused" });

const fields = {
  id: needed(idText),
  version: needed(
    text({ lengthMax: 40, pattern: /^[A-Za-z0-9][A-Za-z0-9.+_~-]*$/, called: "a version such as 1.2.3" }),
  ),
  name: needed(localized(60)),
  summary: needed(localized(160)),
  description: maybe(localized(4000, true)),
  author: maybe(text({ lengthMax: 100 })),
  website: maybe(address),
  license: maybe(text({ lengthMax: 100 })),
  categories: maybe(list(oneOf(categories), 5)),
  architectures: maybe(list(oneOf(["amd64", "arm64"]), 2, 1)),
  "minimum-os": maybe(
    text({ lengthMax: 20, pattern: /^[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}$/, called: "a release such as 1.2.0" }),
  ),
  web: maybe(web),
  volumes: maybe(mapOf(serviceName, volume, 32)),
  secrets: maybe(mapOf(variableName, secretOrNothing, 32)),
  settings: maybe(mapOf(variableName, setting, 50)),
  grants: maybe(grants),
  update: maybe(object({ "side-by-side": maybe(flag()) })),
} as const;

export const writtenApp = turned(object(fields), (value, node, path) => ({ ...value, node, path }));

export type WrittenApp = Read<typeof fields> & { readonly node: Node; readonly path: string };
