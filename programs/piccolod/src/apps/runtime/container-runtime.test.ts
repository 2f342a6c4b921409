/** The fake keeps what the port promises; Podman runs the same suite in tests/apps. */
import { containerRuntimeSuite } from "../../../test-support/container-runtime-suite.ts";
import { MemoryRuntime } from "../../../test-support/memory-runtime.ts";

const runtime = new MemoryRuntime();
containerRuntimeSuite("memory", () => runtime);
