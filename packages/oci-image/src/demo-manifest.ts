/** What the two demo apps say of themselves, wherever a catalog offers them. */
import { demoPort, type DemoName } from "./demo.ts";

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
