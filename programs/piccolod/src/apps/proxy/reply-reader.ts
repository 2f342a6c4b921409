/**
 * HTTP/1.1 answers as bytes come in (RFC 9112). Pure. What can be read in two ways is refused: the next answer on the
 * connection would begin where the app says, not where it ends.
 */

const headBytesMax = 32 * 1024;
const trailerBytesMax = 16 * 1024;
const sizeLineBytesMax = 256;
/** An app may say `100 Continue` or hints before it answers, but not for ever. */
const informationalMax = 16;
const lineEnd = "\r\n";
const headEnd = "\r\n\r\n";

export interface ReplyHead {
  readonly status: number;
  readonly message: string;
  /** Names and values in turn. */
  readonly raw: readonly string[];
  readonly hasBody: boolean;
  /** Nothing of the body has come with it. */
  readonly isAlone: boolean;
}

export interface ReplyListener {
  /** Told what it had asked by `Expect: 100-continue`. */
  goOn(): void;
  head(head: ReplyHead): void;
  /** `isLast`: with it the body is whole, and `end` follows. */
  data(bytes: Buffer, isLast: boolean): void;
  end(trailers: readonly string[]): void;
  /** It switched to what was asked for; these bytes are no HTTP any more. */
  switched(head: ReplyHead, rest: Buffer): void;
}

/** What an app says is no answer. */
export class BadReply extends Error {}

type State = "head" | "counted" | "size" | "chunk" | "chunk-end" | "trailers" | "until-close" | "over";

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const text = /^[\t\x20-\x7e\x80-\xff]*$/;
const names = new Map<string, true>();
const namesMax = 1_024;

function isName(name: string): boolean {
  if (names.has(name)) return true;
  if (!token.test(name)) return false;
  if (names.size < namesMax && name.length <= 64) names.set(name, true);
  return true;
}

function trimmed(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && (value.charCodeAt(from) === 0x20 || value.charCodeAt(from) === 0x09)) from++;
  while (to > from && (value.charCodeAt(to - 1) === 0x20 || value.charCodeAt(to - 1) === 0x09)) to--;
  return value.slice(from, to);
}

/** Lines of `name: value`; one that goes on in the next line is refused. */
function fieldsOf(lines: readonly string[]): string[] {
  const raw: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    const value = trimmed(line.slice(colon + 1));
    if (!isName(name) || !text.test(value)) throw new BadReply("a header is none");
    raw.push(name, value);
  }
  return raw;
}

export class ReplyReader {
  readonly #listener: ReplyListener;
  readonly #isHead: boolean;
  readonly #maySwitch: boolean;
  #state: State = "head";
  #kept: Buffer | undefined;
  #left = 0;
  #informational = 0;
  #closes = false;
  #isUntouched = true;

  constructor(listener: ReplyListener, asked: { readonly isHead: boolean; readonly maySwitch: boolean }) {
    this.#listener = listener;
    this.#isHead = asked.isHead;
    this.#maySwitch = asked.maySwitch;
  }

  /** The answer is whole, and its connection good for another one. */
  get isReusable(): boolean {
    return this.#state === "over" && !this.#closes && this.#kept === undefined;
  }

  /** Nothing of an answer has come. */
  get isUntouched(): boolean {
    return this.#isUntouched;
  }

  /** Throws `BadReply`. */
  feed(bytes: Buffer): void {
    this.#isUntouched = false;
    let rest: Buffer | undefined = this.#kept === undefined ? bytes : Buffer.concat([this.#kept, bytes]);
    this.#kept = undefined;
    while (rest !== undefined && rest.length > 0) {
      if (this.#state === "over") {
        // Nobody asked for more.
        this.#kept = rest.subarray(0, 1);
        return;
      }
      rest = this.#step(rest);
    }
  }

  /** The app closed the connection. Whether its answer is whole. */
  finish(): boolean {
    if (this.#state === "until-close") {
      this.#state = "over";
      this.#closes = true;
      this.#listener.end([]);
    }
    return this.#state === "over";
  }

  /** Takes what belongs to the state; gives what follows, or undefined where more has to come. */
  #step(bytes: Buffer): Buffer | undefined {
    switch (this.#state) {
      case "head":
        return this.#readHead(bytes);
      case "counted":
      case "chunk":
        return this.#readCounted(bytes);
      case "size":
        return this.#readSize(bytes);
      case "chunk-end":
        if (bytes.length < 2) return this.#keep(bytes, 2);
        if (bytes[0] !== 0x0d || bytes[1] !== 0x0a) throw new BadReply("a chunk does not end where it should");
        this.#state = "size";
        return bytes.subarray(2);
      case "trailers":
        return this.#readTrailers(bytes);
      default:
        this.#listener.data(bytes, false);
        return undefined;
    }
  }

  #keep(bytes: Buffer, mostBytes: number): undefined {
    if (bytes.length > mostBytes) throw new BadReply("what should be short is not");
    this.#kept = bytes;
    return undefined;
  }

  #readHead(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf(headEnd);
    if (end < 0) return this.#keep(bytes, headBytesMax);
    if (end > headBytesMax) throw new BadReply("the head is too long");
    const [first = "", ...lines] = bytes.toString("latin1", 0, end).split(lineEnd);
    const status = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(first);
    if (status === null) throw new BadReply("the answer does not begin like one");
    const code = Number(status[2]);
    const rest = bytes.subarray(end + headEnd.length);
    const head = { status: code, message: status[3] ?? "", raw: fieldsOf(lines), isAlone: rest.length === 0 };
    if (code === 101 && this.#maySwitch) {
      this.#state = "over";
      this.#closes = true;
      this.#listener.switched({ ...head, hasBody: false }, rest);
      return undefined;
    }
    if (code < 200) {
      if (code === 101) throw new BadReply("it switches to what nobody asked for");
      if (++this.#informational > informationalMax) throw new BadReply("it never comes to its answer");
      if (code === 100) this.#listener.goOn();
      return rest;
    }
    const hasBody = this.#frame(code, head.raw, status[1] === "1");
    this.#listener.head({ ...head, hasBody });
    if (!hasBody) this.#listener.end([]);
    return rest;
  }

  /** How long the body is (RFC 9112, section 6.3); whether there is one. */
  #frame(code: number, raw: readonly string[], isNewest: boolean): boolean {
    let length: string | undefined;
    let coding: string | undefined;
    this.#closes = !isNewest;
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at] ?? "";
      // Only names of these lengths are of interest: content-length, transfer-encoding, connection.
      if (name.length !== 14 && name.length !== 17 && name.length !== 10) continue;
      const value = raw[at + 1] ?? "";
      const lower = name.toLowerCase();
      if (lower === "content-length") {
        if (!/^\d{1,15}$/.test(value) || (length !== undefined && length !== value)) {
          throw new BadReply("its length is none, or there are two");
        }
        length = value;
      } else if (lower === "transfer-encoding") {
        if (coding !== undefined || !isNewest) throw new BadReply("it is encoded twice, or before that was invented");
        coding = value.toLowerCase();
      } else if (lower === "connection" && /(?:^|,)\s*close\s*(?:,|$)/i.test(value)) {
        this.#closes = true;
      }
    }
    if (coding !== undefined && (coding !== "chunked" || length !== undefined)) {
      throw new BadReply("its end can be read in two ways");
    }
    if (this.#isHead || code === 204 || code === 304) this.#state = "over";
    else if (coding !== undefined) this.#state = "size";
    else if (length === undefined) {
      this.#state = "until-close";
      this.#closes = true;
    } else {
      this.#left = Number(length);
      this.#state = this.#left === 0 ? "over" : "counted";
    }
    return this.#state !== "over";
  }

  #readCounted(bytes: Buffer): Buffer | undefined {
    const own = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= own.length;
    const isWhole = this.#left === 0 && this.#state === "counted";
    if (this.#left === 0) this.#state = isWhole ? "over" : "chunk-end";
    // More than was announced: what comes next cannot be told from an answer, so it is none.
    if (isWhole && own.length < bytes.length) this.#closes = true;
    this.#listener.data(own, isWhole);
    if (isWhole) this.#listener.end([]);
    return own.length < bytes.length ? bytes.subarray(own.length) : undefined;
  }

  #readSize(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf(lineEnd);
    if (end < 0) return this.#keep(bytes, sizeLineBytesMax);
    if (end > sizeLineBytesMax) throw new BadReply("a chunk's size is too long");
    const size = /^([0-9a-f]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i.exec(bytes.toString("latin1", 0, end))?.[1];
    if (size === undefined) throw new BadReply("a chunk has no size");
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? "trailers" : "chunk";
    return bytes.subarray(end + lineEnd.length);
  }

  #readTrailers(bytes: Buffer): Buffer | undefined {
    const isEmpty = bytes.length >= 2 && bytes[0] === 0x0d && bytes[1] === 0x0a;
    const end = isEmpty ? 0 : bytes.indexOf(headEnd);
    if (end < 0) return this.#keep(bytes, trailerBytesMax);
    if (end > trailerBytesMax) throw new BadReply("what follows the body is too long");
    this.#state = "over";
    this.#listener.end(isEmpty ? [] : fieldsOf(bytes.toString("latin1", 0, end).split(lineEnd)));
    return bytes.subarray(isEmpty ? lineEnd.length : end + headEnd.length);
  }
}
