import assert from "node:assert/strict";
import { test } from "node:test";
import { BadReply, type ReplyHead, ReplyReader } from "./reply-reader.ts";

interface Heard {
  readonly said: string[];
  readonly heads: ReplyHead[];
  body: string;
  trailers: readonly string[] | undefined;
  rest: string | undefined;
}

function reader(asked: { readonly isHead?: boolean; readonly maySwitch?: boolean } = {}): [ReplyReader, Heard] {
  const heard: Heard = { said: [], heads: [], body: "", trailers: undefined, rest: undefined };
  const one = new ReplyReader(
    {
      goOn: () => heard.said.push("go on"),
      head: (head) => heard.heads.push(head),
      data: (bytes, isLast) => {
        heard.body += bytes.toString("latin1");
        if (isLast) heard.said.push("last");
      },
      end: (trailers) => (heard.trailers = trailers),
      switched: (head, rest) => {
        heard.heads.push(head);
        heard.rest = rest.toString("latin1");
      },
    },
    { isHead: false, maySwitch: false, ...asked },
  );
  return [one, heard];
}

/** In one piece, and byte by byte: an answer is the same however it comes. */
function inPieces(
  text: string,
  check: (one: ReplyReader, heard: Heard) => void,
  asked: Parameters<typeof reader>[0] = {},
) {
  for (const size of [text.length, 1, 3]) {
    const [one, heard] = reader(asked);
    for (let at = 0; at < text.length; at += size) one.feed(Buffer.from(text.slice(at, at + size), "latin1"));
    check(one, heard);
  }
}

const refused = (text: string, asked: Parameters<typeof reader>[0] = {}): void => {
  for (const size of [text.length, 1]) {
    const [one] = reader(asked);
    const feed = (): void => {
      for (let at = 0; at < text.length; at += size) one.feed(Buffer.from(text.slice(at, at + size), "latin1"));
    };
    assert.throws(feed, BadReply, JSON.stringify(text.slice(0, 120)));
  }
};

const ok = "HTTP/1.1 200 OK\r\n";

test("an answer whose end can be read in two ways is refused", () => {
  refused(`${ok}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`);
  refused(`${ok}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`);
  refused(`${ok}Content-Length: 3, 3\r\n\r\nabc`);
  refused(`${ok}Content-Length: +3\r\n\r\nabc`);
  refused(`${ok}Content-Length: 0x3\r\n\r\nabc`);
  refused(`${ok}Content-Length: -1\r\n\r\nabc`);
  refused(`${ok}Content-Length:\r\n\r\nabc`);
  refused(`${ok}Content-Length: 99999999999999999999\r\n\r\nabc`);
  refused(`${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`);
  refused(`${ok}Transfer-Encoding: identity\r\n\r\nabc`);
  refused(`${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`);
  refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
});

test("what is no answer is refused", () => {
  refused("HTTP/2 200 OK\r\n\r\n");
  refused("HTTP/1.1 OK\r\n\r\n");
  refused("HTTP/1.1 0200 OK\r\n\r\n");
  refused("HTTP/1.1  200 OK\r\n\r\n");
  refused("ICY 200 OK\r\n\r\n");
  refused("HTTP/1.1 200 O\u0000K\r\n\r\n");
  refused(`${ok}No colon\r\n\r\n`);
  refused(`${ok}Spaced : 1\r\n\r\n`);
  refused(`${ok}: 1\r\n\r\n`);
  refused(`${ok}A: 1\r\n folded\r\n\r\n`);
  refused(`${ok}A: 1\nB: 2\r\n\r\n`);
  refused(`${ok}A: 1\rB: 2\r\n\r\n`);
  refused(`${ok}A: \u0000\r\n\r\n`);
  refused(`${ok}\u00e4: 1\r\n\r\n`);
  refused("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n");
});

test("what grows without an end is refused", () => {
  refused(`${ok}A: ${"x".repeat(70_000)}`);
  refused("x".repeat(70_000));
  refused(`${ok}Transfer-Encoding: chunked\r\n\r\n${"0".repeat(300)}`);
  refused(`${ok}Transfer-Encoding: chunked\r\n\r\n1;${"x".repeat(300)}\r\na\r\n`);
  refused(`${ok}Transfer-Encoding: chunked\r\n\r\n0\r\nA: ${"x".repeat(20_000)}`);
  refused("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17));
});

test("chunks that are none are refused", () => {
  const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;
  for (const text of [
    "g\r\n",
    " 3\r\nabc\r\n",
    "3\nabc\r\n",
    "-3\r\n",
    "3\r\nabcd\r\n",
    "3\r\nabc0\r\n",
    "\r\n",
    "0x3\r\nabc\r\n",
  ]) {
    refused(chunked + text);
  }
  refused(`${chunked}0\r\nContent-Length\r\n\r\n`);
  refused(`${chunked}1000000000000\r\n`);
});

test("a body of a known length ends where it says, and its connection is good for another", () => {
  inPieces(`${ok}Content-Length: 5\r\nContent-Length: 5\r\nA:  b \t\r\n\r\nhello`, (one, heard) => {
    assert.equal(heard.heads[0]?.status, 200);
    assert.deepEqual(heard.heads[0]?.raw.slice(-2), ["A", "b"]);
    assert.equal(heard.body, "hello");
    assert.equal(heard.said.at(-1), "last");
    assert.deepEqual(heard.trailers, []);
    assert.ok(one.isReusable);
  });
});

test("what comes after an answer that nobody asked for spoils the connection", () => {
  inPieces(`${ok}Content-Length: 2\r\n\r\nok${ok}Content-Length: 0\r\n\r\n`, (one, heard) => {
    assert.equal(heard.body, "ok");
    assert.equal(heard.heads.length, 1);
    assert.ok(!one.isReusable);
  });
});

test("chunks, their extensions and what follows them", () => {
  inPieces(
    `${ok}Transfer-Encoding: Chunked\r\n\r\n5;a="b"\r\nhello\r\nA\r\n0123456789\r\n000\r\nGrpc-Status: 0\r\n\r\n`,
    (one, heard) => {
      assert.equal(heard.body, "hello0123456789");
      assert.deepEqual(heard.trailers, ["Grpc-Status", "0"]);
      assert.ok(one.isReusable);
    },
  );
});

test("a body without a length ends with the connection, any other one that is cut off is not whole", () => {
  const [open, heard] = reader();
  open.feed(Buffer.from(`${ok}\r\nall of it`));
  assert.equal(heard.trailers, undefined);
  assert.ok(open.finish());
  assert.deepEqual([heard.body, heard.trailers], ["all of it", []]);
  assert.ok(!open.isReusable);
  for (const text of [
    "",
    "HTTP/1.1 2",
    `${ok}Content-Length: 5\r\n\r\nhell`,
    `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
  ]) {
    const [one] = reader();
    one.feed(Buffer.from(text));
    assert.ok(!one.finish(), text);
  }
});

test("answers without a body", () => {
  const bodiless = [
    ["HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", {}],
    ["HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", {}],
    [`${ok}Content-Length: 5\r\n\r\n`, { isHead: true }],
    [`${ok}Transfer-Encoding: chunked\r\n\r\n`, { isHead: true }],
    [`${ok}Content-Length: 0\r\n\r\n`, {}],
  ] as const;
  for (const [text, asked] of bodiless) {
    inPieces(
      text,
      (one, heard) => {
        assert.deepEqual(heard.trailers, []);
        assert.equal(heard.heads[0]?.hasBody, false);
        assert.ok(one.isReusable, text);
      },
      asked,
    );
  }
});

test("hints before the answer are no answer", () => {
  inPieces(
    `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${ok}Content-Length: 1\r\n\r\nx`,
    (one, heard) => {
      assert.deepEqual(heard.said, ["go on", "last"]);
      assert.equal(heard.heads.length, 1);
      assert.ok(one.isReusable);
    },
  );
});

test("a connection that closes, or is of an older kind, is not used again", () => {
  for (const head of [
    `${ok}Connection: close\r\n`,
    `${ok}Connection: x, Close\r\n`,
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n",
  ]) {
    inPieces(`${head}Content-Length: 1\r\n\r\nx`, (one) => assert.ok(!one.isReusable, head));
  }
});

test("after a switch that was asked for, bytes are no answers", () => {
  inPieces(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    (one, heard) => {
      assert.equal(heard.heads[0]?.status, 101);
      assert.equal(heard.rest, "");
      assert.ok(!one.isReusable);
    },
    { maySwitch: true },
  );
  const [one, heard] = reader({ maySwitch: true });
  one.feed(Buffer.from("HTTP/1.1 101 Switching Protocols\r\n\r\n\u0081\u0002hi", "latin1"));
  assert.equal(heard.rest, "\u0081\u0002hi");
});
