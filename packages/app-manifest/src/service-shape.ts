/** One service as it may be written, before references between the parts of the manifest are followed. */
import { splitCommand } from "./command-words.ts";
import type { Node } from "./document.ts";
import { nameRules, serviceName } from "./names.ts";
import { below, type ProblemCode, type Problems, shown } from "./problems.ts";
import { duration, processors, size } from "./quantities.ts";
import { refusedServiceKeys } from "./refused-keys.ts";
import {
  byKind,
  flag,
  list,
  mapOf,
  maybe,
  needed,
  object,
  oneOf,
  parsed,
  passedOver,
  type Read,
  type Shape,
  text,
  turned,
  whole,
} from "./shape.ts";
import { type Capability, stopSignals } from "./types.ts";

/** A text with the node it came from, for messages that come later. */
export interface Written {
  readonly text: string;
  readonly node: Node;
  readonly path: string;
}

function written(shape: Shape<string>): Shape<Written> {
  return turned(shape, (value, node, path) => ({ text: value, node, path }));
}

const word = text({ lengthMin: 0, lengthMax: 4096, lines: true });

/** A list of words, or one text that is split like a shell would. */
const command: Shape<readonly Written[]> = byKind(
  {
    list: list(written(word), 100, 1),
    scalar: turned(text({ lengthMax: 8192, lines: true }), (value, node, path, problems) => {
      const words = splitCommand(value);
      if (words !== undefined && words.length > 0) return words.map((text) => ({ text, node, path }));
      problems.add("wrong-value", path, node.place, "The command has a quote without its end.", "Write it as a list.");
      return undefined;
    }),
  },
  "a text or a list of words",
);

export const environmentMax = 200;
export const environmentValueLengthMax = 8192;

const environmentName = nameRules(/^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/, "the name of a variable");
const plainValue = text({ lengthMin: 0, lengthMax: environmentValueLengthMax, lines: true });
const environmentValue: Shape<Written> = turned(
  byKind({ scalar: { ...plainValue, read: readValue } }, "a text"),
  (value, node, path) => ({ text: value, node, path }),
);

/** As it is spelt; a variable without a value would be the device's own, which no app gets. */
function readValue(node: Node, path: string, problems: Problems): string | undefined {
  if (node.kind === "scalar" && node.value === null) {
    const reason = "A variable without a value would be taken from the device.";
    problems.add("missing-key", path, node.place, reason, 'Give it a value, "" for an empty one.');
    return undefined;
  }
  return plainValue.read(node, path, problems);
}

const environmentLines: Shape<ReadonlyMap<string, Written>> = turned(
  list(written(text({ lengthMax: 8400, lines: true })), environmentMax),
  (lines, _, __, problems) => {
    const result = new Map<string, Written>();
    for (const { text: line, node, path } of lines) {
      const equals = line.indexOf("=");
      const name = equals < 0 ? line : line.slice(0, equals);
      if (!environmentName.pattern.test(name) || equals < 0) {
        const reason = `${shown(line.slice(0, 40))} is not NAME=value.`;
        problems.add("wrong-value", path, node.place, reason, "Write NAME=value.");
      } else if (result.has(name)) {
        problems.add("duplicate-key", path, node.place, `${shown(name)} is set twice.`, "Keep one of the two.");
      } else result.set(name, { text: line.slice(equals + 1), node, path });
    }
    return result;
  },
);

const environment = byKind(
  { map: mapOf(environmentName, environmentValue, environmentMax), list: environmentLines },
  "a map of variables",
);

export interface WrittenMount {
  readonly kind: "volume" | "scratch";
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly sizeBytes: number;
  readonly node: Node;
  readonly path: string;
}

const hostPath = /^(?:[/.~\\]|\$|[A-Za-z]:[\\/])/;
const socket = /(?:docker|podman|containerd|crio)(?:\/\w+)?\.sock/;

function refuseSource(source: string, node: Node, path: string, problems: Problems): undefined {
  if (socket.test(source)) {
    problems.add(
      "container-socket",
      path,
      node.place,
      "Whoever holds the container socket owns the device.",
      "Leave it out; an app that needs it cannot run on this device.",
    );
  } else {
    problems.add(
      "host-path",
      path,
      node.place,
      `${shown(source)} is a path of the device.`,
      "Use a named volume and describe it under x-piccolo volumes.",
    );
  }
  return undefined;
}

export const scratchBytes = { minimum: 65_536, usual: 67_108_864, maximum: 2 ** 32 } as const;

export const mountsMax = 32;
export const mountLengthMax = 1024;

const mountLine: Shape<WrittenMount> = turned(
  text({ lengthMax: mountLengthMax, called: "a mount" }),
  (line, node, path, problems) => {
    const [source = "", target, mode, ...rest] = line.split(":");
    if (hostPath.test(source)) return refuseSource(source, node, path, problems);
    const modes = (mode ?? "").split(",").filter((part) => part !== "");
    const known = modes.every((part) => ["ro", "rw"].includes(part));
    if (target === undefined || rest.length > 0 || !known || !serviceName.pattern.test(source)) {
      problems.add(
        "wrong-value",
        path,
        node.place,
        `${shown(line)} is not volume:/path or volume:/path:ro.`,
        "Name a volume and an absolute path in the container.",
      );
      return undefined;
    }
    const readOnly = modes.includes("ro");
    return { kind: "volume", source, target, readOnly, sizeBytes: 0, node, path };
  },
);

const mountKind = oneOf(["volume", "tmpfs"]);

const mountMap: Shape<WrittenMount> = turned(
  object({
    type: needed({
      ...mountKind,
      read: (node, path, problems) => {
        if (node.kind !== "scalar" || (node.value !== "bind" && node.value !== "npipe")) {
          return mountKind.read(node, path, problems);
        }
        return refuseSource("bind", node, path, problems);
      },
    }),
    source: maybe(text({ lengthMax: mountLengthMax })),
    target: needed(text({ lengthMax: 512 })),
    read_only: maybe(flag()),
    tmpfs: maybe(object({ size: maybe(size(scratchBytes.minimum, scratchBytes.maximum)) })),
    volume: maybe(object({ nocopy: maybe(passedOver(flag())) })),
  }),
  ({ type, source, target, read_only: readOnly = false, tmpfs }, node, path, problems) => {
    if (source !== undefined && hostPath.test(source)) return refuseSource(source, node, path, problems);
    const kind = type === "volume" ? "volume" : "scratch";
    if (kind === "volume" && (source === undefined || !serviceName.pattern.test(source))) {
      problems.add("missing-key", path, node.place, "The mount names no volume.", "Add source with a volume's name.");
      return undefined;
    }
    const sizeBytes = tmpfs?.size ?? scratchBytes.usual;
    return { kind, source: source ?? "", target, readOnly, sizeBytes, node, path };
  },
);

const scratchLine: Shape<WrittenMount> = turned(text({ lengthMax: 512 }), (line, node, path, problems) => {
  const [target = "", options] = line.split(":");
  const sizes = (options ?? "").split(",").flatMap((option) => /^size=(.*)$/.exec(option)?.[1] ?? []);
  const [written] = sizes;
  const sizeNode: Node = { kind: "scalar", value: written ?? "", source: written ?? "", place: node.place };
  const sizeBytes =
    written === undefined
      ? scratchBytes.usual
      : size(scratchBytes.minimum, scratchBytes.maximum).read(sizeNode, path, problems);
  if (sizeBytes === undefined) return undefined;
  return { kind: "scratch", source: "", target, readOnly: false, sizeBytes, node, path };
});

const condition = turned(
  oneOf(["service_started", "service_healthy", "service_completed_successfully"]),
  (value) =>
    ({ service_started: "started", service_healthy: "healthy", service_completed_successfully: "completed" })[value] as
      | "started"
      | "healthy"
      | "completed",
);

export interface WrittenDependency {
  readonly condition: "started" | "healthy" | "completed";
  readonly node: Node;
  readonly path: string;
}

const dependsOn: Shape<ReadonlyMap<string, WrittenDependency>> = byKind(
  {
    list: turned(
      list(written(text({ lengthMax: 100 })), 16),
      (names) => new Map(names.map(({ text: name, ...rest }) => [name, { condition: "started" as const, ...rest }])),
    ),
    map: mapOf(
      nameRules(/^.{1,100}$/u, "the name of a service"),
      turned(
        object({
          condition: maybe(condition),
          required: maybe(passedOver(flag())),
          restart: maybe(passedOver(flag())),
        }),
        (value, node, path) => ({ condition: value.condition ?? "started", node, path }),
      ),
      16,
    ),
  },
  "a list of services",
);

const test: Shape<readonly Written[]> = byKind(
  {
    list: list(written(word), 100, 1),
    scalar: turned(text({ lengthMax: 8192, lines: true }), (value, node, path) => [
      { text: "CMD-SHELL", node, path },
      { text: value, node, path },
    ]),
  },
  "a text or a list",
);

const healthCheck = object({
  test: needed(test),
  interval: maybe(duration(1000, 3_600_000)),
  timeout: maybe(duration(1000, 600_000)),
  retries: maybe(whole(1, 100)),
  start_period: maybe(duration(0, 3_600_000)),
  start_interval: maybe(passedOver(duration(100, 600_000))),
  disable: maybe(flag()),
});

export type WrittenHealthCheck = Exclude<ReturnType<typeof healthCheck.read>, undefined>;

const capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"] as const;

const capability: Shape<Capability> = turned(
  oneOf([...capabilities, ...capabilities.map((name) => `CAP_${name}` as const)], "capability-refused"),
  (name) => capabilities.find((known) => name === known || name === `CAP_${known}`),
);

const only = (value: string, code: ProblemCode, advice: string): Shape<true> => ({
  read: (node, path, problems) => {
    const found = node.kind === "scalar" && String(node.value).toLowerCase() === value.toLowerCase();
    if (found) return true;
    problems.add(code, path, node.place, "The device sets this itself.", advice);
    return undefined;
  },
  schema: { enum: value === "false" ? [false] : [value] },
});

const userNumbers = parsed("user numbers such as 1000:1000", /^[0-9]{1,5}(?::[0-9]{1,5})?$/, (value) => {
  const [uid = 0, gid = 0] = value.split(":").map(Number);
  return uid <= 65_534 && gid <= 65_534 ? { uid, gid: value.includes(":") ? gid : uid } : undefined;
});

const secretUse = byKind(
  {
    scalar: turned(written(text({ lengthMax: 100 })), (value) => ({ ...value, target: undefined })),
    map: turned(
      object({
        source: needed(written(text({ lengthMax: 100 }))),
        target: maybe(text({ lengthMax: 512 })),
        mode: maybe(passedOver(text({ lengthMax: 10 }))),
        uid: maybe(passedOver(text({ lengthMax: 10 }))),
        gid: maybe(passedOver(text({ lengthMax: 10 }))),
      }),
      ({ source, target }) => ({ ...source, target }),
    ),
  },
  "the name of a secret",
);

const absolute = { lengthMax: 512, pattern: /^\/[^\0]*$/, called: "an absolute path" } as const;

const one = <T>(shape: Shape<T>): Shape<readonly T[]> => turned(shape, (value) => [value]);

const fields = {
  image: needed(written(text({ lengthMax: 512 }))),
  command: maybe(command),
  entrypoint: maybe(command),
  environment: maybe(environment),
  user: maybe(userNumbers),
  working_dir: maybe(text(absolute)),
  hostname: maybe(text({ lengthMax: 63, ...nameRules(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, "a host name") })),
  volumes: maybe(list(byKind({ scalar: mountLine, map: mountMap }, "a mount"), mountsMax)),
  tmpfs: maybe(byKind({ scalar: one(scratchLine), list: list(scratchLine, 16) }, "a path or a list of paths")),
  secrets: maybe(list(secretUse, 32)),
  read_only: maybe(flag()),
  init: maybe(flag()),
  cap_add: maybe(list(capability, 16)),
  cap_drop: maybe(list(only("ALL", "key-outside-subset", "Write cap_drop: [ALL], or leave it out."), 1)),
  security_opt: maybe(
    list(only("no-new-privileges:true", "privileged", "Write no-new-privileges:true, or leave it out."), 1),
  ),
  privileged: maybe(only("false", "privileged", refusedServiceKeys["privileged"]?.advice ?? "Leave it out.")),
  depends_on: maybe(dependsOn),
  healthcheck: maybe(healthCheck),
  stop_signal: maybe(oneOf(stopSignals)),
  stop_grace_period: maybe(duration(0, 600_000)),
  restart: maybe(
    passedOver(
      text({
        lengthMax: 20,
        pattern: /^(?:no|always|unless-stopped|on-failure(?::[0-9]+)?)$/,
        called: "a restart policy",
      }),
    ),
  ),
  expose: maybe(passedOver(list(text({ lengthMax: 20 }), 32))),
  mem_limit: maybe(size(16 * 2 ** 20, 64 * 2 ** 30)),
  cpus: maybe(processors(0.05, 64)),
  pids_limit: maybe(whole(16, 32_768)),
  shm_size: maybe(size(65_536, 8 * 2 ** 30)),
} as const;

export const writtenService = turned(
  object(fields, { refused: refusedServiceKeys, extensions: true }),
  (value, node, path) => ({ ...value, node, path }),
);

export type WrittenService = Read<typeof fields> & { readonly node: Node; readonly path: string };

/** Under which key of the service a problem of its environment lies. */
export const environmentPath = (service: WrittenService, name: string): string =>
  below(below(service.path, "environment"), name);
