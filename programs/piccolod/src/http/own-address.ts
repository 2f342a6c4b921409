import { isIP } from "node:net";

export interface OwnAddressOptions {
  readonly isSecure: boolean;
  /** Of the device, in lower case; the first is the one people are told. */
  readonly names: readonly string[];
}

const usualPorts = { true: 443, false: 80 } as const;

/**
 * Under which names browsers reach the device. Any other name is refused: a page elsewhere could have its own name
 * point to the device, and be taken for the device's page (DNS rebinding).
 */
export class OwnAddress {
  readonly isSecure: boolean;
  readonly #names: readonly string[];
  #told: string | undefined;
  /** Known once the server listens. */
  port = 0;

  constructor({ isSecure, names }: OwnAddressOptions) {
    this.isSecure = isSecure;
    this.#names = names;
  }

  get origin(): string {
    return this.originAt(this.#told ?? this.#names[0] ?? "");
  }

  /** The name people are told from now on: another one may be another device's on this network. */
  tell(name: string): void {
    if (this.#names.includes(name)) this.#told = name;
  }

  originAt(name: string): string {
    return this.#originOf(`${name}${this.#suffix}`);
  }

  get #suffix(): string {
    return this.port === usualPorts[`${this.isSecure}`] ? "" : `:${this.port}`;
  }

  #originOf(host: string): string {
    return `${this.isSecure ? "https" : "http"}://${host}`;
  }

  /**
   * `localAddress` is where the connection arrived: over HTTPS an address is as good as a name, since no page elsewhere
   * has an address of the device's for its name, and some networks do not carry `.local`.
   */
  isOwn(host: string | undefined, localAddress?: string): boolean {
    const given = host?.toLowerCase() ?? "";
    return (
      given.endsWith(this.#suffix) && this.#isName(given.slice(0, given.length - this.#suffix.length), localAddress)
    );
  }

  /** Where a request that came over plain HTTP should have gone; undefined where its host is not the device's. */
  secureTwin(host: string | undefined, localAddress?: string): string | undefined {
    const name = (host?.toLowerCase() ?? "").replace(/:\d{1,5}$/, "");
    return this.isSecure && this.#isName(name, localAddress) ? this.#originOf(`${name}${this.#suffix}`) : undefined;
  }

  #isName(name: string, localAddress: string | undefined): boolean {
    if (this.#names.includes(name)) return true;
    if (!this.isSecure || localAddress === undefined) return false;
    const address = localAddress.replace(/^::ffff:/, "").replace(/%.*$/, "");
    return isIP(address) === 6 ? name === `[${address}]` : name === address;
  }

  /** Of a host that is the device's own: whether the page that sends this comes from there, too. */
  isSameOrigin(origin: string | undefined, host: string | undefined): boolean {
    return origin !== undefined && origin === this.#originOf(host?.toLowerCase() ?? "");
  }
}
