import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../helpers/free-port.ts';
import { run, tool } from '../../helpers/tools.ts';

export interface RuleState {
  name: string;
  type: 'alerting' | 'recording';
  health: string;
  lastError?: string;
  alerts?: { labels: Record<string, string>; state: string }[];
}

type Sample = { metric: Record<string, string>; value: [number, string] };

export interface PrometheusOptions {
  dir: string;
  /** Addresses of what it scrapes. */
  targets: string[];
  rules: string;
  /** Seconds between scrapes, and between evaluations of rules. */
  every: number;
  /** OpenMetrics with times: what is to be there from before. */
  history?: string;
}

/** A real Prometheus with the rules of the chart. */
export class Prometheus {
  readonly #url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.#url = url;
    this.#child = child;
  }

  static async start({ dir, targets, rules, every, history }: PrometheusOptions): Promise<Prometheus> {
    const data = join(dir, 'prometheus');
    mkdirSync(data, { recursive: true });
    if (history !== undefined) {
      writeFileSync(join(dir, 'history.txt'), history);
      const args = ['tsdb', 'create-blocks-from', 'openmetrics', join(dir, 'history.txt'), data];
      const { code, output } = await run('promtool', args);
      if (code !== 0) throw new Error(`promtool: ${output}`);
    }
    const config = join(dir, 'prometheus.json');
    const jobs = [{ job_name: 'clipn-gate', static_configs: [{ targets: targets.map((url) => new URL(url).host) }] }];
    const global = { scrape_interval: `${every}s`, evaluation_interval: `${every}s` };
    // JSON is YAML
    writeFileSync(config, JSON.stringify({ global, rule_files: [rules], scrape_configs: jobs }));
    const port = await freePort();
    const flags = {
      'config.file': config,
      'storage.tsdb.path': data,
      'web.listen-address': `127.0.0.1:${port}`,
      'enable-feature': 'exemplar-storage',
      'log.level': 'error',
    };
    const child = spawn(
      tool('prometheus') as string,
      Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child);
    for (let i = 0; i < 150; i++) {
      if (
        await fetch(`${prometheus.#url}/-/ready`).then(
          (r) => r.ok,
          () => false,
        )
      )
        return prometheus;
      await sleep(200);
    }
    child.kill('SIGKILL');
    throw new Error('Prometheus is not ready');
  }

  async #get<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const body = (await response.json()) as { status: string; data: T; error?: string };
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
    return body.data;
  }

  async query(query: string): Promise<Sample[]> {
    return (await this.#get<{ result: Sample[] }>('query', { query })).result;
  }

  /** Names of all series. */
  names(): Promise<string[]> {
    return this.#get('label/__name__/values');
  }

  async rules(): Promise<RuleState[]> {
    const { groups } = await this.#get<{ groups: { rules: RuleState[] }[] }>('rules');
    return groups.flatMap((group) => group.rules);
  }

  async firing(alert: string): Promise<Record<string, string>[]> {
    const rule = (await this.rules()).find(({ name }) => name === alert);
    return (rule?.alerts ?? []).filter(({ state }) => state === 'firing').map(({ labels }) => labels);
  }

  /** Labels of exemplars of the last quarter of an hour. */
  async exemplars(query: string): Promise<Record<string, string>[]> {
    const now = Date.now() / 1000;
    const range = { query, start: String(now - 900), end: String(now) };
    const found = await this.#get<{ exemplars: { labels: Record<string, string> }[] }[]>('query_exemplars', range);
    return found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels));
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }
}
