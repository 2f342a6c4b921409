/** How a release came about: an in-toto statement with SLSA provenance, in a DSSE envelope. `docs/spec/release-papers.md`. */
import { type KeyObject, verify } from "node:crypto";
import { z } from "zod";
import { malformed, toUtf8 } from "@piccolo/bytes";
import { fingerprintOf } from "../keys/read-key.ts";

const payloadType = "application/vnd.in-toto+json";
const statementType = "https://in-toto.io/Statement/v1";
const predicateType = "https://slsa.dev/provenance/v1";
const buildType = "https://piccolo.invalid/build/image/v1";
const envelopeBytesMax = 4 << 20;

/** The subject that is no file. */
export const commitSubject = "ostree-commit";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const dependency = z.strictObject({
  uri: z.string().optional(),
  name: z.string().optional(),
  digest: z.record(z.string(), z.string().regex(/^[0-9a-f]+$/)).optional(),
});

const statementForm = z.strictObject({
  _type: z.literal(statementType),
  subject: z
    .array(
      z.strictObject({
        // A plain file's name: it is looked for beside the statement.
        name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
        digest: z.strictObject({ sha256 }),
      }),
    )
    .min(1)
    .max(64),
  predicateType: z.literal(predicateType),
  predicate: z.strictObject({
    buildDefinition: z.strictObject({
      buildType: z.literal(buildType),
      externalParameters: z.strictObject({ version: z.string().min(1), number: z.int().min(1) }),
      internalParameters: z.strictObject({ epoch: z.int().min(1) }),
      resolvedDependencies: z.array(dependency).min(1),
    }),
    runDetails: z.strictObject({ builder: z.strictObject({ id: z.url() }) }),
  }),
});

const base64 = z.string().regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
const envelopeForm = z.strictObject({
  payloadType: z.literal(payloadType),
  payload: base64,
  signatures: z
    .array(z.strictObject({ keyid: sha256, sig: base64 }))
    .min(1)
    .max(8),
});

export type Statement = z.infer<typeof statementForm>;

export interface ProvenanceFacts {
  readonly version: string;
  readonly number: number;
  readonly epochS: number;
  /** File name, or `ostree-commit`, to SHA-256. */
  readonly subjects: ReadonlyMap<string, string>;
  readonly dependencies: readonly z.infer<typeof dependency>[];
}

export function statementOf({ version, number, epochS, subjects, dependencies }: ProvenanceFacts): Statement {
  return {
    _type: statementType,
    subject: [...subjects].map(([name, digest]) => ({ name, digest: { sha256: digest } })),
    predicateType,
    predicate: {
      buildDefinition: {
        buildType,
        externalParameters: { version, number },
        internalParameters: { epoch: epochS },
        resolvedDependencies: [...dependencies],
      },
      runDetails: { builder: { id: "https://piccolo.invalid/builder/local" } },
    },
  };
}

/** DSSE signs type and payload with their lengths, so that neither passes for the other. */
function provenanceToSign(payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `;
  return Buffer.concat([toUtf8(head), payload]);
}

export interface ProvenanceSigner {
  readonly publicKey: KeyObject;
  readonly sign: (message: Uint8Array) => Promise<Uint8Array>;
}

/** Each signature alone makes it good: while keys are replaced, whoever has the old key and whoever has the new one believes it. */
export async function sealProvenance(statement: Statement, signers: readonly ProvenanceSigner[]): Promise<string> {
  const payload = toUtf8(JSON.stringify(statement));
  const message = provenanceToSign(payload);
  const signatures = await Promise.all(
    signers.map(async ({ publicKey, sign }) => ({
      keyid: fingerprintOf(publicKey),
      sig: Buffer.from(await sign(message)).toString("base64"),
    })),
  );
  return `${JSON.stringify({ payloadType, payload: Buffer.from(payload).toString("base64"), signatures })}\n`;
}

function parse<T>(form: z.ZodType<T>, text: string, what: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw malformed(`${what} is no JSON`, cause);
  }
  const { success, data, error } = form.safeParse(json);
  if (success) return data;
  const [first] = error.issues;
  throw malformed(`${what} has another form: ${first?.path.join(".")}: ${first?.message}`);
}

/** What the envelope says, once a signature by `publicKey` over it was found good; else `malformed`. */
export function openProvenance(text: string, publicKey: KeyObject): Statement {
  if (text.length > envelopeBytesMax) throw malformed("the provenance is over its bound");
  const envelope = parse(envelopeForm, text, "the provenance");
  const payload = Buffer.from(envelope.payload, "base64");
  const keyid = fingerprintOf(publicKey);
  const message = provenanceToSign(payload);
  const isSigned = envelope.signatures.some(
    (each) => each.keyid === keyid && verify(null, message, publicKey, Buffer.from(each.sig, "base64")),
  );
  if (!isSigned) throw malformed("the provenance is not signed by the key it is held against, or was changed");
  const statement = parse(statementForm, payload.toString("utf8"), "the provenance's statement");
  const names = statement.subject.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw malformed("the provenance names a file twice");
  return statement;
}
