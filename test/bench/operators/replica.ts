import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { COMMAND, ROOT } from '../../helpers/paths.ts';
import { environment, isReady, until } from '../../helpers/service.ts';

export interface ReplicaOptions {
  name: string;
  /** Ports of the service and of its gate: they stay the same, so that Prometheus and the balancers find a replica that was started again. */
  port: number;
  gatePort: number;
  gateFile: string;
  data: string;
  env: Record<string, string>;
  /** Gets every line of the log. */
  logFile: string;
  /** The gate's audit trail. */
  audit: string;
}

/** Time from the end of a process to its next start, as a kubelet takes it. */
const RESTART_MS = 1000;
const LINES = 2000;

/** One replica: the gate command in a process of its own that is started again whenever it ends. */
export class Replica {
  readonly options: ReplicaOptions;
  readonly url: string;
  readonly gate: string;
  /** Latest lines of its log. */
  readonly log: Record<string, unknown>[] = [];
  /** Times of Date.now() at which its front process was killed. */
  readonly killed: number[] = [];
  /** Unrequested ends: exit status or signal. */
  readonly ends: string[] = [];
  #child: ChildProcess | undefined;
  #wanted = true;

  constructor(options: ReplicaOptions) {
    this.options = options;
    this.url = `http://127.0.0.1:${options.port}`;
    this.gate = `http://127.0.0.1:${options.gatePort}`;
  }

  get front(): number {
    return this.#child?.pid as number;
  }

  /** Process id of the engine that was ready last. */
  get engine(): number {
    return Number(this.log.findLast((l) => l['msg'] === 'engine ready')?.['pid']);
  }

  async start(): Promise<void> {
    this.#spawn();
    await this.ready();
  }

  /** Resolves when it answers that it is ready. */
  async ready(): Promise<void> {
    await until(`${this.options.name} is ready`, 120_000, async () => {
      await sleep(100);
      return isReady(this.url)();
    });
  }

  /** kill -9 of the front process. */
  kill(): void {
    this.killed.push(Date.now());
    this.#child?.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(timer);
  }

  #spawn(): void {
    const { port, gateFile, data, env } = this.options;
    const settings = { CLIPN_DATA_DIR: data, CLIPN_PORT: String(port), ...env };
    const child = spawn(process.execPath, [COMMAND, 'gate', '--config', gateFile], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment(settings),
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => this.#keep(line));
    child.once('exit', (code, signal) => {
      if (signal !== 'SIGKILL' && this.#wanted) this.ends.push(String(signal ?? code));
      if (this.#wanted) setTimeout(() => this.#wanted && this.#spawn(), RESTART_MS);
    });
  }

  #keep(line: string): void {
    if (line.includes('"msg":"request"')) return;
    appendFileSync(this.options.logFile, `${line}\n`);
    try {
      this.log.push(JSON.parse(line));
    } catch {
      this.log.push({ msg: line });
    }
    if (this.log.length > LINES) this.log.splice(0, this.log.length - LINES);
  }
}
