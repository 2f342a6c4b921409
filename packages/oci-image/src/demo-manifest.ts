/** The two demo apps as a catalog offers them. */
import { buildDemoImage, type DemoImageOptions, demoPort, type DemoName } from "./demo.ts";

const texts: Readonly<Record<DemoName, { readonly name: string; readonly summary: string; readonly data: string }>> = {
  hello: {
    name: "{ en: Hello, de: Hallo }",
    summary: '{ en: A page that greets you, de: "Eine Seite, die grüßt" }',
    data: "",
  },
  counter: {
    name: "{ en: Counter, de: Zähler }",
    summary:
      '{ en: A number that only grows and is never lost, de: "Eine Zahl, die nur wächst und nie verloren geht" }',
    data: "  volumes:\n    data: { title: { en: The number, de: Die Zahl }, snapshot: stop, size-max: 64m }\n",
  },
};

/** `reference`: the image's name with its digest. */
export function demoAppManifest(name: DemoName, reference: string, version = "1"): string {
  const { name: title, summary, data } = texts[name];
  const hasData = data !== "";
  return `services:
  web:
    image: ${reference}
    read_only: true
    init: true
    mem_limit: 64m
    pids_limit: 128
${hasData ? "    volumes: [data:/data]\nvolumes:\n  data: {}\n" : ""}x-piccolo:
  id: ${name}
  version: "${version}"
  name: ${title}
  summary: ${summary}
  author: Piccolo-OS
  license: Apache-2.0
  categories: [tools]
  architectures: [amd64, arm64]
  web: { service: web, port: ${demoPort}, health-path: /health }
${data}  update: { side-by-side: ${!hasData} }
`;
}

export interface OfferedDemo {
  /** What the archive is called among a device's bundled images. */
  readonly archiveName: string;
  readonly archive: Uint8Array;
  readonly manifest: string;
  /** Of a catalog's entry. Verified in the strictest sense: whoever signs the catalog made it. */
  readonly images: Readonly<Record<string, { readonly verified: true; readonly sizeBytes: number }>>;
}

export function offerDemo(name: DemoName, options: DemoImageOptions): OfferedDemo {
  const { digest, archive } = buildDemoImage(name, options);
  const repository = `localhost/piccolo-${name}`;
  return {
    archiveName: `${digest.replace(":", "-")}.tar`,
    archive,
    manifest: demoAppManifest(name, `${repository}:1@${digest}`),
    images: { [`${repository}@${digest}`]: { verified: true, sizeBytes: archive.length } },
  };
}
