/** Another system's definition of an app as a manifest. Nothing is installed by that; the manifest is checked like any other. */
import { importDefinition } from "@piccolo/app-manifest";
import { type AppDefinition, type AppTranslation, routes } from "@piccolo/device-api";
import type { Api } from "../http/api.ts";

function translationOf({ files, digests, id, name, version, web }: AppDefinition): AppTranslation {
  const facts = {
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(web === undefined ? {} : { web }),
  };
  const translation = importDefinition(files, facts, { digests: new Map(Object.entries(digests ?? {})) });
  if (translation.from === "manifest") {
    return { from: "manifest", problems: [], notes: [], unsaid: [], undigested: [] };
  }
  const { from, result, unsaid, fileMissing } = translation;
  const { text, problems, notes, undigested } = result;
  return {
    ...(from === undefined ? {} : { from }),
    ...(text === undefined ? {} : { manifest: text }),
    problems: problems.map(({ place, ...problem }) => ({ ...problem, ...place })),
    notes: [...notes],
    ...(fileMissing === undefined ? {} : { fileMissing }),
    unsaid: [...unsaid],
    undigested: [...undigested],
  };
}

export function mountTranslate(api: Api): void {
  api.openapi(routes["POST /apps/translate"], (c) => c.json(translationOf(c.req.valid("json")), 200));
}
