import assert from "node:assert/strict";
import { before, test } from "node:test";
import { createUploads } from "./uploads.ts";

before(() => {
  // The list sets its timers by the page's window.
  Object.assign(globalThis, { window: globalThis });
});

/** A device that answers an announcement only when it is told to, and then takes everything at once. */
function setUp() {
  const announced = Promise.withResolvers<void>();
  const log: string[] = [];
  const end = (offsetBytes: number) => ({ offsetBytes, node: undefined, placement: undefined });
  const uploads = createUploads(() => undefined, {
    createUpload: async () => {
      log.push("announced");
      await announced.promise;
      return { uploadId: "u", ...end(0) };
    },
    discardUpload: (id) => {
      log.push(`discarded ${id}`);
      return Promise.resolve();
    },
    readState: (id) => {
      log.push(`asked for ${id}`);
      return Promise.resolve(end(0));
    },
    sendRest: (id, file, _offsetBytes, signal) => {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      log.push(`sent ${id}`);
      return Promise.resolve({ offsetBytes: file.size, node: "n", placement: "durable" });
    },
  });
  uploads.add([{ file: new File(["hello"], "a.txt"), parent: "root" }]);
  const key = uploads.snapshot().items[0]?.key ?? "";
  const answer = async (): Promise<void> => {
    announced.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { uploads, key, log, answer };
}

test("an upload that is cancelled while it is announced is discarded once the device has named it", async () => {
  const { uploads, key, log, answer } = setUp();
  uploads.discard(key);
  await answer();
  assert.deepEqual(log, ["announced", "discarded u"]);
  assert.deepEqual(uploads.snapshot().items, []);
});

test("an upload that is paused while it is announced keeps its name, and goes on with it", async () => {
  const { uploads, key, log, answer } = setUp();
  uploads.dispatch({ type: "pause", key });
  await answer();
  assert.deepEqual(log, ["announced"]);
  assert.deepEqual(
    uploads.snapshot().items.map(({ phase, uploadId }) => [phase, uploadId]),
    [["paused", "u"]],
  );
  uploads.dispatch({ type: "resume", key });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(log, ["announced", "asked for u", "sent u"]);
  assert.equal(uploads.snapshot().items[0]?.phase, "done");
});
