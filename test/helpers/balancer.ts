import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const PROBE_EVERY_MS = 250;
const PROBE_TIMEOUT_MS = 1000;
/** From a probe's result to its being known wherever connections are made. */
const PROPAGATION_MS = 300;

interface Endpoint {
  url: string;
  /** Answers /readyz for it. */
  probed: string;
  listed: boolean;
}

/**
 * Works like a Service of Kubernetes: every new connection goes to the next endpoint that is ready, and stays with it. It does
 * not read requests, so none is sent twice, and it learns late that an endpoint is no longer ready.
 */
export class Balancer {
  readonly #endpoints = new Set<Endpoint>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Endpoint of each connection that was made, by the client's port. */
  readonly #made = new Map<number, string>();
  #turn = 0;
  #closed = false;

  private constructor() {
    this.#server = createServer((client) => this.#connect(client));
  }

  static async start(): Promise<Balancer> {
    const balancer = new Balancer();
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Endpoints that get connections. */
  get listed(): string[] {
    return [...this.#endpoints].filter((e) => e.listed).map((e) => e.url);
  }

  /** The endpoint that the connection from a client's port leads to, or led to last. */
  endpointOf(port: number): string | undefined {
    return this.#made.get(port);
  }

  /** Watches an endpoint until it is removed. `probed` is the address that answers /readyz, where it is another one. */
  add(url: string, probed = url): void {
    const endpoint = { url, probed, listed: false };
    this.#endpoints.add(endpoint);
    void this.#watch(endpoint);
  }

  remove(url: string): void {
    for (const endpoint of this.#endpoints) if (endpoint.url === url) this.#endpoints.delete(endpoint);
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #watch(endpoint: Endpoint): Promise<void> {
    while (!this.#closed && this.#endpoints.has(endpoint)) {
      const ready = await fetch(`${endpoint.probed}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) }).then(
        (response) => response.ok,
        () => false,
      );
      setTimeout(() => {
        endpoint.listed = ready;
      }, PROPAGATION_MS);
      await sleep(PROBE_EVERY_MS);
    }
  }

  #connect(client: Socket): void {
    const { listed } = this;
    const url = listed[this.#turn++ % listed.length];
    if (url === undefined) {
      this.#made.delete(client.remotePort as number);
      client.destroy();
      return;
    }
    this.#made.set(client.remotePort as number, url);
    const { hostname, port } = new URL(url);
    const service = connect({ host: hostname, port: Number(port), noDelay: true });
    client.setNoDelay(true);
    for (const [socket, other] of [
      [client, service],
      [service, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroySoon();
      });
      socket.pipe(other);
    }
  }
}
