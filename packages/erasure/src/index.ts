/** k-of-n coding: systematic Reed-Solomon over GF(2^8). Normative text: docs/spec/erasure.md. */
export { type Coder, createCoder } from "./coder.ts";
export { erasureFaults } from "./faults.ts";
