import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../helpers/free-port.ts';

const TOKEN = 'bench';

export interface Reply {
  status: number;
  /** Texts of the headers Warning. */
  warnings: string[];
  // biome-ignore lint/suspicious/noExplicitAny: objects of Kubernetes are read where they are compared
  body: any;
}

/** A real kube-apiserver on a real etcd. There are no controllers and no nodes: objects are validated, admitted and stored, and no pod runs. */
export class ApiServer {
  readonly kubeconfig: string;
  readonly #port: number;
  readonly #certificate: string;
  readonly #children: ChildProcess[];

  private constructor(dir: string, port: number, children: ChildProcess[]) {
    this.#port = port;
    this.#certificate = join(dir, 'certificates/apiserver.crt');
    this.#children = children;
    this.kubeconfig = join(dir, 'kubeconfig');
  }

  /** @param programs folder of etcd and kube-apiserver @param dir an empty folder */
  static async start(programs: string, dir: string): Promise<ApiServer> {
    const [etcd, peers, port] = [await freePort(), await freePort(), await freePort()];
    const children: ChildProcess[] = [];
    const begin = (name: string, flags: Record<string, string>) => {
      const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
      const child = spawn(join(programs, name), args, { stdio: ['ignore', 'pipe', 'pipe'] });
      const log = createWriteStream(join(dir, `${name}.log`));
      for (const stream of [child.stdout, child.stderr]) stream?.pipe(log, { end: false });
      children.push(child);
    };
    const client = `http://127.0.0.1:${etcd}`;
    const peer = `http://127.0.0.1:${peers}`;
    begin('etcd', {
      'data-dir': join(dir, 'etcd'),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `default=${peer}`,
    });
    const certificates = join(dir, 'certificates');
    mkdirSync(certificates);
    const key = join(dir, 'accounts.key');
    execFileSync('openssl', ['genrsa', '-out', key, '2048'], { stdio: 'ignore' });
    writeFileSync(join(dir, 'tokens.csv'), `${TOKEN},admin,1,"system:masters"\n`);
    begin('kube-apiserver', {
      'etcd-servers': client,
      'bind-address': '127.0.0.1',
      'secure-port': String(port),
      'cert-dir': certificates,
      'token-auth-file': join(dir, 'tokens.csv'),
      'authorization-mode': 'RBAC',
      'service-cluster-ip-range': '10.0.0.0/24',
      'service-account-issuer': 'https://bench.example.com',
      'service-account-key-file': key,
      'service-account-signing-key-file': key,
    });
    const server = new ApiServer(dir, port, children);
    await server.#ready(dir);
    const cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority': server.#certificate };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'bench', cluster }],
      users: [{ name: 'admin', user: { token: TOKEN } }],
      contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'admin' } }],
      'current-context': 'bench',
    };
    writeFileSync(server.kubeconfig, JSON.stringify(config)); // JSON is YAML
    return server;
  }

  async #ready(dir: string): Promise<void> {
    for (let i = 0; i < 600; i++) {
      const reply = existsSync(this.#certificate)
        ? await this.call('GET', '/readyz').catch(() => undefined)
        : undefined;
      if (reply?.status === 200) return;
      if (this.#children.some((child) => child.exitCode !== null)) break;
      await sleep(200);
    }
    this.stop();
    throw new Error(
      `the API server is not ready; its log ends with\n${readFileSync(join(dir, 'kube-apiserver.log'), 'utf8').slice(-2000)}`,
    );
  }

  call(method: string, path: string, body?: unknown): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${TOKEN}`,
        'content-type': 'application/json',
        accept: 'application/json',
      };
      const options = {
        host: '127.0.0.1',
        port: this.#port,
        method,
        path,
        headers,
        ca: readFileSync(this.#certificate),
      };
      const call = request(options, (reply) => {
        let text = '';
        reply.on('data', (chunk) => {
          text += chunk;
        });
        reply.on('end', () => {
          const warnings = [reply.headers.warning ?? []].flat();
          const json = String(reply.headers['content-type']).includes('json');
          resolve({ status: reply.statusCode ?? 0, warnings, body: json ? JSON.parse(text) : text });
        });
      });
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}
