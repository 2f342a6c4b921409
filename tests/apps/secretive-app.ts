/** An app that has something to hide in every place an app can have it; each is text that stands nowhere else. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppVisit, type DeviceSession, installApp } from "@piccolo/devnet";
import { buildDemoImage, demoPort } from "@piccolo/oci-image/demo";
import type { LeakOracle } from "../network/leak-oracle.ts";

const canary = (of: string): string => `${of}-${randomBytes(12).toString("hex")}`;
const dataBytes = 300_000;

interface SecretView {
  readonly name: string;
  readonly value: string;
}

interface LogLine {
  readonly text: string;
}

export class SecretiveApp {
  readonly id = `a-${randomBytes(8).toString("hex")}`;
  readonly #name = canary("name");
  readonly #password = canary("password");
  readonly #text = canary("text");
  readonly #said = canary("said");
  readonly #data = canary("data");
  readonly #fileName = canary("file");
  readonly #image;
  readonly #session: DeviceSession;

  /** `images`: the folder of the device's bundled images. */
  constructor(session: DeviceSession, images: string) {
    this.#session = session;
    const architecture = process.arch === "arm64" ? "arm64" : "amd64";
    const busybox = readFileSync("/bin/busybox");
    this.#image = buildDemoImage("counter", { busybox, architecture, version: randomBytes(8).toString("hex") });
    mkdirSync(images, { recursive: true });
    writeFileSync(join(images, `${this.#image.digest.replace(":", "-")}.tar`), this.#image.archive);
  }

  /** The password and a secret in variables, another secret in a file; whoever visits it is in its log. */
  get #manifest(): string {
    return `services:
  web:
    image: localhost/piccolo-counter@${this.#image.digest}
    read_only: true
    init: true
    command: ["/bin/busybox", "httpd", "-f", "-vv", "-p", "${demoPort}", "-h", "/www"]
    environment: { APP_PASSWORD: "\${MASTER}", APP_TOKEN: "\${TOKEN}", APP_TEXT: "\${WORDS}" }
    secrets: [SEED]
    mem_limit: 64m
    cpus: 1
    pids_limit: 128
    volumes:
      - data:/data
volumes:
  data: {}
x-piccolo:
  id: ${this.id}
  version: "1"
  name: ${this.#name}
  summary: What nobody is to know
  web: { service: web, port: ${demoPort}, health-path: /health }
  volumes:
    data: { title: All of it, snapshot: stop, size-max: 64m }
  secrets:
    TOKEN: { shown-as: Token }
    SEED: { shown-as: Seed }
  settings:
    MASTER: { type: password, label: Password }
    WORDS: { type: text, label: Words }
`;
  }

  /** Resolves once something is in all places. */
  async install(): Promise<void> {
    await installApp(this.#session, this.#manifest, { settings: { MASTER: this.#password, WORDS: this.#text } });
    this.#write(this.#fileName);
    await this.isSaid();
  }

  /** There is more data than before. */
  change(): void {
    this.#write(`${this.#fileName}-2`);
  }

  #write(name: string): void {
    writeFileSync(join(this.#dataFolder(), name), Buffer.alloc(dataBytes, this.#data));
  }

  /** As seen from the machine the device runs on, where there is no other device. */
  #dataFolder(): string {
    const [tag = ""] = readdirSync("/run/piccolo");
    return join("/run/piccolo", tag, "apps/volumes", this.id, "data/content");
  }

  isKept(): boolean {
    return readFileSync(join(this.#dataFolder(), this.#fileName)).equals(Buffer.alloc(dataBytes, this.#data));
  }

  /** A visit of which the app's own log tells. Throws where it does not. */
  async isSaid(): Promise<void> {
    const visit = await AppVisit.enter(this.#session, this.id);
    await visit.text(`/${this.#said}`);
    const { lines } = await this.#session.call<{ readonly lines: readonly LogLine[] }>("GET", `/apps/${this.id}/logs`);
    if (!lines.some(({ text }) => text.includes(this.#said))) throw new Error("the app's log does not tell of a visit");
  }

  async isWell(): Promise<boolean> {
    const visit = await AppVisit.enter(this.#session, this.id).catch(() => undefined);
    return visit !== undefined && (await visit.text("/health")).status === 200;
  }

  /** What nobody but its owner may have, the device's own log included. */
  async addSecrets(oracle: LeakOracle): Promise<void> {
    const { secrets } = await this.#session.call<{ readonly secrets: readonly SecretView[] }>(
      "GET",
      `/apps/${this.id}/secrets`,
    );
    for (const { name, value } of secrets) oracle.add(`generated secret ${name}`, value);
    oracle.add("password of an app", this.#password);
    oracle.add("setting of an app", this.#text);
    oracle.add("log of an app", this.#said);
    oracle.add("data of an app", this.#data);
    oracle.add("file name of an app", this.#fileName);
    oracle.add("title of an app", this.#name);
  }

  /** What tells which app it is. */
  addNames(oracle: LeakOracle): void {
    oracle.add("id of an app", this.id);
    for (const digest of this.#image.blobs.keys()) {
      const hex = digest.replace("sha256:", "");
      oracle.add("digest of an image", hex);
      oracle.add("bytes of an image's digest", Buffer.from(hex, "hex"));
    }
  }
}
