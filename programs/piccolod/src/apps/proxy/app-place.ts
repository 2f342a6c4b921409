import type { OpenRoute } from "../apps.ts";
import type { AppConnections } from "./app-connections.ts";

/** WebSockets of one app. Who has not signed in leaves room for those who have. */
const tunnelsMax = 256;
const strangerTunnelsMax = 128;

interface KnownRoute extends OpenRoute {
  readonly untilMs: number;
}

/** What is known and under way of one app. */
export class AppPlace {
  readonly app: string;
  route: KnownRoute | undefined;
  connections: AppConnections | undefined;
  opening: Promise<OpenRoute> | undefined;
  /** Those that wait for a route are among the visits, and not yet under way. */
  visits = 0;
  strangers = 0;
  underWay = 0;
  /** Those that wait for the app to switch are among them. */
  tunnels = 0;
  strangerTunnels = 0;
  readonly drained: (() => void)[] = [];

  constructor(app: string) {
    this.app = app;
  }

  /** What gives the room back; undefined where there is none. */
  takeTunnel(isStranger: boolean): (() => void) | undefined {
    if (this.tunnels >= tunnelsMax || (isStranger && this.strangerTunnels >= strangerTunnelsMax)) return undefined;
    this.tunnels++;
    if (isStranger) this.strangerTunnels++;
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      this.tunnels--;
      if (isStranger) this.strangerTunnels--;
    };
  }

  end(): void {
    if (--this.underWay === 0) for (const tell of this.drained.splice(0)) tell();
  }

  forget(): void {
    this.route = undefined;
    this.connections?.close();
    this.connections = undefined;
  }
}
