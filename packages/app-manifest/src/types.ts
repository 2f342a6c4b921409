/**
 * A checked manifest: what an app is, after everything outside the subset was refused. All names are within the bounds of
 * docs/spec/app-manifest.md, all references between its parts hold, and services stand in an order in which they can start.
 */

/** Text by language (BCP 47, lower case); `en` is always there. */
export type LocalizedText = Readonly<Record<string, string>> & { readonly en: string };

export type Architecture = "amd64" | "arm64";

/** An image by the digest of its content; the tag is only for people. */
export interface ImageReference {
  /** Host, with its port where one is written; `docker.io` where none is. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
}

/** Facts the device puts into a template when it starts the app. */
export type FactName =
  | "PICCOLO_APP_URL"
  | "PICCOLO_APP_HOST"
  | "PICCOLO_PROXY_ADDRESS"
  | "PICCOLO_TIME_ZONE"
  | "PICCOLO_LANGUAGE";

export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "secret"; readonly name: string }
  | { readonly kind: "setting"; readonly name: string }
  | { readonly kind: "fact"; readonly name: FactName };

/** Text with places that are filled when the app starts; neighbouring text parts are joined, empty text is no part. */
export type Template = readonly TemplatePart[];

export type Mount =
  | { readonly kind: "volume"; readonly volume: string; readonly target: string; readonly readOnly: boolean }
  /** Lost when the container stops. */
  | { readonly kind: "scratch"; readonly target: string; readonly sizeBytes: number };

/** A generated secret as a file in the container. */
export interface SecretFile {
  readonly secret: string;
  /** Absolute; `/run/secrets/NAME` unless said otherwise. */
  readonly target: string;
}

export interface Dependency {
  readonly service: string;
  readonly condition: "started" | "healthy" | "completed";
}

export interface HealthCheck {
  /** Run inside the container without a shell; `CMD-SHELL` has become `/bin/sh -c TEXT`. */
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly retries: number;
}

/** What a root process of the container may do to its own files and ids; everything else is dropped. */
export type Capability = "CHOWN" | "DAC_OVERRIDE" | "FOWNER" | "KILL" | "NET_BIND_SERVICE" | "SETGID" | "SETUID";

/** The signals that Linux has a name for (signal(7)), in the order of their numbers. */
export const stopSignals = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGILL",
  "SIGTRAP",
  "SIGABRT",
  "SIGIOT",
  "SIGBUS",
  "SIGFPE",
  "SIGKILL",
  "SIGUSR1",
  "SIGSEGV",
  "SIGUSR2",
  "SIGPIPE",
  "SIGALRM",
  "SIGTERM",
  "SIGCHLD",
  "SIGSTKFLT",
  "SIGCONT",
  "SIGSTOP",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGPROF",
  "SIGWINCH",
  "SIGIO",
  "SIGPOLL",
  "SIGPWR",
  "SIGSYS",
] as const;

export type StopSignal = (typeof stopSignals)[number];

export interface Service {
  readonly name: string;
  readonly image: ImageReference;
  /** Undefined: the image's own. */
  readonly entrypoint: readonly Template[] | undefined;
  readonly command: readonly Template[] | undefined;
  /** In the manifest's order. */
  readonly environment: readonly { readonly name: string; readonly value: Template }[];
  /** Undefined: the image's own. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly workingFolder: string | undefined;
  readonly hostName: string;
  readonly mounts: readonly Mount[];
  readonly secretFiles: readonly SecretFile[];
  readonly readOnlyRoot: boolean;
  /** Whether a small init reaps the service's children. */
  readonly init: boolean;
  readonly capabilities: readonly Capability[];
  /** Other services of the app that come before; never a cycle. */
  readonly dependsOn: readonly Dependency[];
  readonly healthCheck: HealthCheck | undefined;
  readonly stopSignal: StopSignal;
  readonly stopGraceMs: number;
  readonly memoryBytes: number;
  /** In thousandths of a processor. */
  readonly milliCpus: number;
  readonly processesMax: number;
  readonly sharedMemoryBytes: number;
}

/** What the reverse proxy reaches. */
export interface WebEntry {
  readonly service: string;
  readonly port: number;
  /** Where a browser starts, with a slash in front. */
  readonly startPath: string;
  /** Answers 2xx or 3xx when the app works. */
  readonly healthPath: string;
  /** How long the app may take to answer there after its start. */
  readonly startSeconds: number;
}

/**
 * How a copy of a volume becomes one an app can start from: `stop`: its services stopped; `pause`: frozen for that
 * moment, for apps that recover from a power cut; `live`: as it is, for apps that only ever replace whole files.
 */
export type SnapshotMode = "stop" | "pause" | "live";

export interface DataVolume {
  readonly name: string;
  readonly title: LocalizedText;
  readonly snapshot: SnapshotMode;
  /** False for what an app can make again, such as a cache: neither backed up nor part of a rollback. */
  readonly backup: boolean;
  /** Where the manifest says it. */
  readonly sizeBytesMax?: number;
}

/** Generated once for each install; never in the manifest. */
export interface GeneratedSecret {
  readonly name: string;
  readonly length: number;
  readonly alphabet: "alphanumeric" | "hex" | "base64url";
  /** With a label the owner can see it on the app's page, such as the first password of an administrator. */
  readonly shownAs: LocalizedText | undefined;
}

interface SettingBase {
  readonly name: string;
  readonly label: LocalizedText;
  readonly hint: LocalizedText | undefined;
}

/** Asked of the owner at install, and at an update whose version has no value for it; changed by configure. */
export type Setting = SettingBase &
  (
    | { readonly kind: "text"; readonly default: string | undefined; readonly lengthMax: number }
    /** Kept like a generated secret, never shown again, and never empty. */
    | { readonly kind: "password"; readonly lengthMax: number }
    | {
        readonly kind: "number";
        readonly default: number | undefined;
        readonly minimum: number;
        readonly maximum: number;
      }
    | { readonly kind: "switch"; readonly default: boolean }
    | {
        readonly kind: "choice";
        readonly default: string;
        readonly choices: readonly { readonly value: string; readonly label: LocalizedText }[];
      }
  );

/** What the owner is asked for, in plain words, before the install. */
export type Grant =
  /** Reaches the internet, never the home network or other apps. */
  | { readonly kind: "internet"; readonly reason: LocalizedText; readonly required: boolean }
  /** Answers these paths (exact, or with `/*` at the end) to visitors who are not signed in to the portal. */
  | {
      readonly kind: "public-paths";
      readonly reason: LocalizedText;
      readonly required: boolean;
      readonly paths: readonly string[];
    };

export type GrantKind = Grant["kind"];

export interface AppManifest {
  /** `[a-z][a-z0-9-]{0,30}[a-z0-9]` or one letter; also the first part of the app's host name. */
  readonly id: string;
  /** The app's own version, for people; two versions are compared by their images and text, never by order. */
  readonly version: string;
  readonly name: LocalizedText;
  readonly summary: LocalizedText;
  readonly description: LocalizedText | undefined;
  readonly author: string | undefined;
  readonly website: string | undefined;
  readonly license: string | undefined;
  readonly categories: readonly Category[];
  readonly architectures: readonly Architecture[];
  /** The lowest release of the operating system, `major.minor.patch`. */
  readonly minimumOs: string;
  /** Undefined: an app without a web page. */
  readonly web: WebEntry | undefined;
  /** In an order in which each comes after what it depends on. */
  readonly services: readonly Service[];
  readonly volumes: readonly DataVolume[];
  readonly secrets: readonly GeneratedSecret[];
  readonly settings: readonly Setting[];
  readonly grants: readonly Grant[];
  /** Whether the old and the new version may run at the same time, on the same volumes. */
  readonly sideBySide: boolean;
}

export const categories = [
  "automation",
  "books",
  "communication",
  "development",
  "documents",
  "files",
  "finance",
  "games",
  "media",
  "monitoring",
  "news",
  "notes",
  "photos",
  "security",
  "tools",
] as const;

export type Category = (typeof categories)[number];
