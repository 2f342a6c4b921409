/** What libpod answers, as far as this device reads it: strict in what is used, blind to the rest. */
import { z } from "zod";
import { unavailable } from "./unix-http.ts";

const Versions = z.object({
  Version: z.string(),
  Arch: z.string(),
});

const ImageInspection = z.object({
  Id: z.string(),
  Digest: z.string(),
  RepoDigests: z.array(z.string()).nullish(),
  Architecture: z.string(),
  Os: z.string(),
  Size: z.number(),
  User: z.string().nullish(),
});
export type ImageInspection = z.infer<typeof ImageInspection>;

const ImageList = z.array(
  z.object({ Id: z.string(), Digest: z.string().nullish(), RepoDigests: z.array(z.string()).nullish() }),
);

const Loaded = z.object({ Names: z.array(z.string()) });
const NetworkList = z.array(z.object({ name: z.string() }));
const ContainerList = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Labels: z.record(z.string(), z.string()).nullish(),
    State: z.string().nullish(),
  }),
);
export type ListedContainer = z.infer<typeof ContainerList>[number];
const Created = z.object({ Id: z.string() });
const ExecCreated = z.object({ Id: z.string() });
const ExecInspection = z.object({
  ExitCode: z.number(),
  Running: z.boolean(),
  Pid: z.number(),
  ContainerID: z.string(),
});

const ContainerInspection = z.object({
  Id: z.string(),
  Name: z.string(),
  State: z.object({
    Status: z.string(),
    Pid: z.number(),
    ConmonPid: z.number().optional(),
    ExitCode: z.number(),
    StartedAt: z.string(),
  }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  GraphDriver: z.object({ Data: z.record(z.string(), z.string()).nullish() }).optional(),
  NetworkSettings: z.object({
    Networks: z.record(z.string(), z.object({ IPAddress: z.string() })).nullish(),
  }),
});
export type ContainerInspection = z.infer<typeof ContainerInspection>;

const Usage = z.object({
  Stats: z
    .array(
      z.object({
        Name: z.string(),
        CPUNano: z.number(),
        MemUsage: z.number(),
        MemLimit: z.number(),
        PIDs: z.number(),
        // The sums were there until Podman 4; from 5 on, each interface has its own.
        NetInput: z.number().optional(),
        NetOutput: z.number().optional(),
        Network: z.record(z.string(), z.object({ RxBytes: z.number(), TxBytes: z.number() })).nullish(),
        BlockInput: z.number(),
        BlockOutput: z.number(),
      }),
    )
    .nullish(),
});

export type UsageInspection = NonNullable<z.infer<typeof Usage>["Stats"]>[number];

const Event = z.object({
  Action: z.string(),
  Actor: z.object({ Attributes: z.record(z.string(), z.string()).nullish() }),
  timeNano: z.number(),
});

export const PullLine = z.object({
  id: z.string().optional(),
  progressDetail: z.object({ current: z.number().optional(), total: z.number().optional() }).nullish(),
  error: z.string().optional(),
});

/** An answer of another shape says nothing about how things are. */
function reader<S extends z.ZodType>(schema: S): (value: unknown) => z.output<S> {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw unavailable(parsed.error);
    return parsed.data;
  };
}

export const read = {
  versions: reader(Versions),
  image: reader(ImageInspection),
  images: reader(ImageList),
  loaded: reader(Loaded),
  networks: reader(NetworkList),
  containers: reader(ContainerList.nullable()),
  created: reader(Created),
  container: reader(ContainerInspection),
  execCreated: reader(ExecCreated),
  exec: reader(ExecInspection),
  usage: reader(Usage),
  event: reader(Event),
};
