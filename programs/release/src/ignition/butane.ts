/**
 * Butane (variant fcos, version 1.4.0) to Ignition 3.3.0, for exactly the keys our sources use: another key is refused, and not left out.
 * Where the real `butane` is installed, `ignition.ts` holds its result against this one's.
 */
import { gunzipSync } from "node:zlib";
import { parse } from "yaml";
import { z } from "zod";
import { releaseFaults } from "../faults.ts";

const path = z.string().regex(/^\/[\w@.+/-]+$/);
const unitName = z.string().regex(/^[\w@.:\\-]+\.(?:service|socket|timer|mount|path|target|slice)$/);
const mode = z.int().min(0).max(0o7777);

/** `1.4.0` knows these and more; what is not here is used by none of our sources. */
const Butane = z.strictObject({
  variant: z.literal("fcos"),
  version: z.literal("1.4.0"),
  kernel_arguments: z.strictObject({ should_exist: z.array(z.string().regex(/^[\w.=,:-]+$/)) }).optional(),
  passwd: z
    .strictObject({ users: z.array(z.strictObject({ name: z.string(), should_exist: z.literal(false) })) })
    .optional(),
  storage: z
    .strictObject({
      disks: z
        .array(
          z.strictObject({
            device: path,
            wipe_table: z.literal(false),
            partitions: z.array(
              z.strictObject({
                label: z.string().regex(/^[\w-]{1,36}$/),
                number: z.int().min(1).optional(),
                size_mib: z.int().min(0),
                resize: z.boolean().optional(),
              }),
            ),
          }),
        )
        .optional(),
      filesystems: z
        .array(
          z.strictObject({
            device: path,
            format: z.literal("ext4"),
            label: z.string().max(16),
            path: path.optional(),
            wipe_filesystem: z.boolean(),
          }),
        )
        .optional(),
      directories: z.array(z.strictObject({ path, mode })).optional(),
      files: z
        .array(
          z.strictObject({
            path,
            mode,
            overwrite: z.boolean().optional(),
            contents: z.union([
              z.strictObject({ inline: z.string() }),
              z.strictObject({ local: z.string().regex(/^(?!\.\.?\/|.*\/\.\.?\/)[\w./@-]+$/) }),
              z.strictObject({
                source: z.url({ protocol: /^https?$/ }),
                verification: z.strictObject({ hash: z.string().regex(/^sha512-[0-9a-f]{128}$/) }),
              }),
            ]),
          }),
        )
        .optional(),
      links: z
        .array(z.strictObject({ path, target: z.string(), hard: z.literal(false), overwrite: z.boolean().optional() }))
        .optional(),
    })
    .optional(),
  systemd: z
    .strictObject({
      units: z.array(
        z.strictObject({
          name: unitName,
          enabled: z.boolean().optional(),
          mask: z.literal(true).optional(),
          contents: z.string().optional(),
          dropins: z
            .array(z.strictObject({ name: z.string().regex(/^[\w.-]+\.conf$/), contents: z.string() }))
            .optional(),
        }),
      ),
    })
    .optional(),
});

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Content as a URL of its own (RFC 2397). */
export function dataUrl(content: Uint8Array): string {
  return content.length === 0 ? "data:," : `data:;base64,${Buffer.from(content).toString("base64")}`;
}

/** Snake case to camel case: the one difference between the two languages' names that we meet. */
const camel = (name: string): string =>
  name.replaceAll(/_mib$/g, "_miB").replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function renamed(value: unknown): Json {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== "object" || value === null) return value as Json;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [camel(name), renamed(each)]));
}

/** Throws `butane-unfit` for what is not Butane of ours. `local` reads a file that the source names, below its folder of files. */
export function translateButane(text: string, local: (name: string) => Uint8Array): Json {
  let source: unknown;
  try {
    // Butane reads YAML 1.1, in which 0644 is a number with eight digits.
    source = parse(text, { version: "1.1", strict: true, uniqueKeys: true });
  } catch (cause) {
    throw releaseFaults.fault("butane-unfit", `the Butane source is no YAML: ${String(cause).split("\n")[0]}`, {
      cause,
    });
  }
  const parsed = Butane.safeParse(source);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join(".") ?? "";
    throw releaseFaults.fault("butane-unfit", `the Butane source has something unknown at ${where}: ${issue?.message}`);
  }
  const { variant: _variant, version: _version, storage, ...rest } = parsed.data;
  const { filesystems, files, ...others } = storage ?? {};
  return {
    ignition: { version: "3.3.0" },
    ...(renamed(rest) as object),
    ...(storage === undefined
      ? {}
      : {
          storage: {
            ...(renamed(others) as object),
            ...(filesystems === undefined ? {} : { filesystems: filesystems.map((each) => renamed(each)) }),
            ...(files === undefined
              ? {}
              : { files: files.map((file) => ({ ...file, contents: contentsOf(file.contents, local) })) }),
          },
        }),
  };
}

type FileContents = NonNullable<NonNullable<z.infer<typeof Butane>["storage"]>["files"]>[number]["contents"];

function contentsOf(contents: FileContents, local: (name: string) => Uint8Array): Json {
  if ("source" in contents) return contents;
  return { source: dataUrl("inline" in contents ? Buffer.from(contents.inline) : local(contents.local)) };
}

function contentOfUrl(url: string): Buffer {
  const comma = url.indexOf(",");
  const body = url.slice(comma + 1);
  return url.slice(0, comma).endsWith(";base64") ? Buffer.from(body, "base64") : Buffer.from(decodeURIComponent(body));
}

/** The same configuration in one form: contents spelled out, empty things left out, names in order. Two that mean the same are equal. */
export function normalized(value: Json): Json {
  if (Array.isArray(value)) return value.map((each) => normalized(each));
  if (typeof value !== "object" || value === null) return value;
  const object = value as { readonly [key: string]: Json | undefined };
  const { source, compression, ...rest } = object;
  const entries = Object.entries(rest).flatMap(([name, each]): [string, Json][] => {
    const inner = each === undefined || each === null ? {} : normalized(each);
    return typeof inner === "object" && inner !== null && Object.keys(inner).length === 0 ? [] : [[name, inner]];
  });
  if (typeof source === "string") {
    const isData = source.startsWith("data:");
    const plain = isData ? contentOfUrl(source) : undefined;
    const content =
      plain === undefined ? source : (compression === "gzip" ? gunzipSync(plain) : plain).toString("base64");
    entries.push([isData ? "content" : "source", content]);
  }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
