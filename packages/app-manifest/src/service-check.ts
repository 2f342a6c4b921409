/** From a service as it is written to a checked one: templates parsed, references followed, defaults filled in. */
import type { FilledText } from "./filled-text.ts";
import { checkImage } from "./image-reference.ts";
import {
  hasShellSecret,
  isLiteralSecret,
  secretArgument,
  type UsualSettings,
  withUsualSettings,
} from "./literal-secret.ts";
import { below, type Problems, shown } from "./problems.ts";
import { type Written, type WrittenHealthCheck, type WrittenMount, type WrittenService } from "./service-shape.ts";
import { parseTemplate, plainText, type Variables } from "./template.ts";
import type { Dependency, HealthCheck, Mount, SecretFile, Service, Template } from "./types.ts";

export const serviceDefaults = {
  memoryBytes: 512 * 2 ** 20,
  milliCpus: 1000,
  processesMax: 512,
  sharedMemoryBytes: 64 * 2 ** 20,
  stopGraceMs: 10_000,
  stopSignal: "SIGTERM",
} as const;

export interface Declared {
  readonly services: ReadonlySet<string>;
  readonly volumes: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly variables: Variables;
  readonly usual: UsualSettings;
  readonly filled: FilledText;
}

function templateOf(
  { text, node, path }: Written,
  { variables, filled }: Declared,
  problems: Problems,
): Template | undefined {
  return filled.counted(parseTemplate(text, variables, path, node.place, problems), path, node.place);
}

function checkWords(
  words: readonly Written[] | undefined,
  declared: Declared,
  problems: Problems,
): readonly Template[] | undefined {
  if (words === undefined) return undefined;
  const templates = words.map((word) => templateOf(word, declared, problems) ?? []);
  for (const [index, template] of templates.entries()) {
    const word = words[index];
    if (word === undefined || !template.some(({ kind }) => kind === "secret")) continue;
    problems.add(
      "secret-in-arguments",
      word.path,
      word.node.place,
      "A secret in the arguments is shown to everyone who lists processes.",
      "Give it to the service in environment, or as a file under secrets.",
    );
  }
  const secret = words[secretArgument(templates.map((template) => withUsualSettings(template, declared.usual))) ?? -1];
  if (secret !== undefined) {
    problems.add(
      "literal-secret",
      secret.path,
      secret.node.place,
      "The arguments give away a password, the same for everyone who installs the app.",
      "Declare it under x-piccolo secrets and give it to the service in environment or as a file.",
    );
  }
  return templates;
}

function checkEnvironment(
  written: WrittenService["environment"],
  declared: Declared,
  problems: Problems,
): Service["environment"] {
  return [...(written ?? [])].flatMap(([name, value]) => {
    const template = templateOf(value, declared, problems);
    if (template === undefined) return [];
    if (isLiteralSecret(name, withUsualSettings(template, declared.usual))) {
      problems.add(
        "literal-secret",
        value.path,
        value.node.place,
        `${shown(name)} gives away a secret, the same for everyone who installs the app.`,
        "Declare it under x-piccolo secrets and write ${NAME} here, or ask for it by a setting of the type password.",
      );
    }
    return [{ name, value: template }];
  });
}

const machineFolders = /^\/(?:proc|sys|dev|run\/secrets)(?:\/|$)/;

/** An absolute path in its shortest spelling that hides nothing of the machine's; noted otherwise. */
export function checkTarget(target: string, written: Pick<Written, "node" | "path">, problems: Problems): boolean {
  const sound =
    target.startsWith("/") &&
    target !== "/" &&
    !/[\0$:]/.test(target) &&
    !target.split("/").some((part, at) => at > 0 && (part === "" || part === "." || part === "..")) &&
    !machineFolders.test(target);
  if (!sound) {
    problems.add(
      "target-refused",
      written.path,
      written.node.place,
      `${shown(target)} is no place in the container for it.`,
      "Write an absolute path without . and .., outside /proc, /sys, /dev and /run/secrets.",
    );
  }
  return sound;
}

/** Takes the place for one mount or secret of the service; false and noted where another has it. */
function takeTarget(
  target: string,
  written: Pick<Written, "node" | "path">,
  taken: Set<string>,
  problems: Problems,
): boolean {
  if (taken.has(target)) {
    const reason = `Two mounts or secrets want ${shown(target)}.`;
    problems.add("target-taken", written.path, written.node.place, reason, "Give each its own place.");
    return false;
  }
  taken.add(target);
  return true;
}

function checkMounts(
  written: readonly WrittenMount[],
  declared: Declared,
  taken: Set<string>,
  problems: Problems,
): readonly Mount[] {
  return written.flatMap((mount): readonly Mount[] => {
    const target = mount.target.length > 1 ? mount.target.replace(/\/$/, "") : mount.target;
    const { place } = mount.node;
    if (!checkTarget(target, mount, problems)) return [];
    if (!takeTarget(target, mount, taken, problems)) return [];
    if (mount.kind === "scratch") return [{ kind: "scratch", target, sizeBytes: mount.sizeBytes }];
    if (!declared.volumes.has(mount.source)) {
      problems.add(
        "volume-unknown",
        mount.path,
        place,
        `The volume ${shown(mount.source)} is not declared.`,
        "Add it under the top-level key volumes, and describe it under x-piccolo volumes.",
      );
      return [];
    }
    return [{ kind: "volume", volume: mount.source, target, readOnly: mount.readOnly }];
  });
}

function checkSecretFiles(
  uses: Exclude<WrittenService["secrets"], undefined>,
  declared: Declared,
  taken: Set<string>,
  problems: Problems,
): readonly SecretFile[] {
  return uses.flatMap(({ text: secret, target, ...written }): readonly SecretFile[] => {
    if (!declared.secrets.has(secret)) {
      problems.add(
        "secret-unknown",
        written.path,
        written.node.place,
        `The secret ${shown(secret)} is not declared.`,
        "Declare it under x-piccolo secrets.",
      );
      return [];
    }
    const inFolder = target === undefined || /^(?:\/run\/secrets\/)?[A-Za-z0-9][A-Za-z0-9._-]*$/.test(target);
    const file = inFolder ? `/run/secrets/${(target ?? secret).replace(/^.*\//, "")}` : target;
    if (!inFolder && !checkTarget(file, written, problems)) return [];
    if (!takeTarget(file, written, taken, problems)) return [];
    return [{ secret, target: file }];
  });
}

function checkDependencies(
  self: string,
  written: Exclude<WrittenService["depends_on"], undefined>,
  declared: Declared,
  problems: Problems,
): readonly Dependency[] {
  return [...written].flatMap(([service, { condition, node, path }]): readonly Dependency[] => {
    if (declared.services.has(service) && service !== self) return [{ service, condition }];
    const [code, reason] =
      service === self
        ? (["dependency-cycle", `${shown(self)} depends on itself.`] as const)
        : (["service-unknown", `There is no service ${shown(service)}.`] as const);
    problems.add(code, path, node.place, reason, "Name another service of this app.");
    return [];
  });
}

function checkHealth(written: WrittenHealthCheck | undefined, problems: Problems): HealthCheck | undefined {
  if (written === undefined || written.disable === true) return undefined;
  const words = written.test.map(({ text, node, path }) => plainText(text, path, node.place, problems) ?? "");
  const [form, ...rest] = words;
  if (form === "NONE") return undefined;
  if ((form !== "CMD" && form !== "CMD-SHELL") || rest.length === 0 || (form === "CMD-SHELL" && rest.length !== 1)) {
    const at = written.test[0];
    problems.add(
      "wrong-value",
      at?.path ?? "",
      at?.node.place,
      "The check does not say how it is run.",
      'Write ["CMD", program, ...], ["CMD-SHELL", text] or one text.',
    );
    return undefined;
  }
  const givesAway =
    form === "CMD"
      ? secretArgument(rest.map((text) => [{ kind: "text", text }])) !== undefined
      : rest.some((text) => hasShellSecret(text));
  if (givesAway) {
    const at = written.test[0];
    problems.add(
      "literal-secret",
      at?.path ?? "",
      at?.node.place,
      "The check gives away a password, the same for everyone who installs the app.",
      "Have the shell take it from the environment: write $$NAME in a CMD-SHELL.",
    );
  }
  const intervalMs = written.interval ?? 30_000;
  return {
    command: form === "CMD" ? rest : ["/bin/sh", "-c", ...rest],
    intervalMs,
    timeoutMs: written.timeout ?? 30_000,
    startPeriodMs: written.start_period ?? 0,
    retries: written.retries ?? 3,
  };
}

/** Undefined where the image is none; every other problem is noted and the rest of the service checked. */
export function checkService(
  name: string,
  written: WrittenService,
  declared: Declared,
  problems: Problems,
): Service | undefined {
  const { text: imageText, node: imageNode, path: imagePath } = written.image;
  const image = checkImage(imageText, imagePath, imageNode.place, problems);
  const taken = new Set<string>();
  const mounts = checkMounts([...(written.volumes ?? []), ...(written.tmpfs ?? [])], declared, taken, problems);
  if (written.working_dir?.includes("$") === true) {
    plainText(written.working_dir, below(written.path, "working_dir"), written.node.place, problems);
  }
  const service = {
    name,
    entrypoint: checkWords(written.entrypoint, declared, problems),
    command: checkWords(written.command, declared, problems),
    environment: checkEnvironment(written.environment, declared, problems),
    user: written.user,
    workingFolder: written.working_dir,
    hostName: written.hostname ?? name,
    mounts,
    secretFiles: checkSecretFiles(written.secrets ?? [], declared, taken, problems),
    readOnlyRoot: written.read_only ?? false,
    init: written.init ?? false,
    capabilities: [...new Set(written.cap_add ?? [])].toSorted(),
    dependsOn: checkDependencies(name, written.depends_on ?? new Map(), declared, problems),
    healthCheck: checkHealth(written.healthcheck, problems),
    stopSignal: written.stop_signal ?? serviceDefaults.stopSignal,
    stopGraceMs: written.stop_grace_period ?? serviceDefaults.stopGraceMs,
    memoryBytes: written.mem_limit ?? serviceDefaults.memoryBytes,
    milliCpus: written.cpus ?? serviceDefaults.milliCpus,
    processesMax: written.pids_limit ?? serviceDefaults.processesMax,
    sharedMemoryBytes: written.shm_size ?? serviceDefaults.sharedMemoryBytes,
  };
  return image === undefined ? undefined : { ...service, image };
}
