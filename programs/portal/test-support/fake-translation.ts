/** How the fake device takes definitions of other systems: enough that every step of the dialog can be looked at. */
import type { AppDefinition, AppTranslation } from "@piccolo/device-api";

const empty = { problems: [], notes: [], unsaid: [], undigested: [] };

const translated = (id: string): string => `services:
  web:
    image: example/${id}@sha256:${"0123456789abcdef".repeat(4)}
x-piccolo:
  id: ${id}
  version: "1.2"
  name: Wiki
  summary: Wiki
`;

const notes = [
  {
    code: "secret-generated",
    path: "/services/web/environment/PASSWORD",
    text: 'The secret written into "PASSWORD" is made anew for each install.',
  },
  { code: "grant-added", path: "", text: "The app asks for the internet, which it reached unasked before." },
];

export function fakeTranslation({ files, id, name, digests = {} }: AppDefinition): AppTranslation {
  const [first = "", second] = files;
  if (first.includes("x-piccolo")) return { ...empty, from: "manifest" };
  if (first.includes("app_proxy")) {
    const reason = "The definition is two files, and umbrel-app.yml is not there.";
    return second === undefined
      ? {
          ...empty,
          from: "umbrel",
          problems: [{ code: "not-said", path: "", reason, advice: "Give both." }],
          fileMissing: "umbrel-app.yml",
        }
      : { ...empty, from: "umbrel", manifest: translated("bookmarks"), notes };
  }
  if (!first.includes("services:")) {
    const problem = {
      code: "not-importable",
      path: "",
      reason: "This is no definition of an app.",
      advice: "Give one.",
    };
    return { ...empty, problems: [problem] };
  }
  if (first.includes("privileged")) {
    const problem = {
      code: "privileged",
      path: "/services/web/privileged",
      reason: "The device sets this itself.",
      advice: "Leave it out; an app that needs it cannot run on this device.",
    };
    return { ...empty, from: "compose", problems: [problem] };
  }
  const image = "example/wiki:1.2";
  const unsaid = [...(id === undefined ? ["id" as const] : []), ...(name === undefined ? ["name" as const] : [])];
  const undigested = digests[image] === undefined ? [image] : [];
  if (unsaid.length === 0 && undigested.length === 0)
    return { ...empty, from: "compose", manifest: translated(id ?? ""), notes };
  const problems = [
    ...unsaid.map((fact) => ({
      code: "not-said",
      path: "",
      reason: `The definition does not say its ${fact}.`,
      advice: "Say it beside the definition.",
    })),
    ...undigested.map(() => ({
      code: "image-not-by-digest",
      path: "/services/web/image",
      reason: `"${image}" names no digest, so what it stands for can change.`,
      advice: "Add @sha256: and the digest of the image's manifest or index.",
    })),
  ];
  return { ...empty, from: "compose", problems, unsaid, undigested };
}
