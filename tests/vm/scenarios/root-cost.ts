/** What the check of /usr costs, beside what the other way would: reading and hashing all of it before the start goes on. */
import { deadlineMs } from "../deadlines.ts";
import type { Scenario } from "../scenario.ts";

export const rootCost: Scenario = {
  name: "root-cost",
  summary: "what it costs at each start that every byte of /usr is checked",
  set: "full",
  async run(context) {
    const image = await context.laboratory.image("measure");
    const machine = await context.machine("device", image.disk);
    machine.powerOn();
    await machine.untilAnswers();
    const told = await machine.untilProbed(deadlineMs("usrRead"));
    const number = (name: string): number => Number(told.get(name)?.[0]);
    context.figure("bytes of /usr", Math.round(number("bytes") / 1e5) / 10, "MB");
    context.figure("all of it read, each block checked by fs-verity", number("read-with-fs-verity"), "ms");
    context.figure("all of it read and hashed, as an initrd would", number("read-and-hash"), "ms");
    context.figure("512 MiB of the disk read, unchecked", number("read-device"), "ms");
    const moments = (told.get("root-service") ?? []).map((line) => Number(/^\[\s*([\d.]+)\]/.exec(line)?.[1]));
    const [from, to] = [moments.at(0) ?? Number.NaN, moments.at(-1) ?? Number.NaN];
    context.figure("putting the root together, at each start", Math.round((to - from) * 1000), "ms");
    context.check(
      "everything was measured",
      [number("bytes"), number("read-and-hash"), to - from].every((value) => value > 0),
    );
  },
};
