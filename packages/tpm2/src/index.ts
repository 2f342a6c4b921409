export { tpmFaults } from "./faults.ts";
