/** `npm run test:vm [-- --set core|full] [--only NAME] [--list]`: boots the built image in an emulated machine. */
import { parseArgs } from "node:util";
import { scenarios } from "./catalogue.ts";

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    set: { type: "string", default: "core" },
    only: { type: "string" },
    list: { type: "boolean", default: false },
  },
});
if (values.list) for (const { name, summary } of scenarios) process.stdout.write(`${name.padEnd(28)} ${summary}\n`);
