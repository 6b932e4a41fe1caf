/**
 * Runs the services of docker/compose.yaml as plain processes and prints what it saw as JSON, for test/docker/compose.test.ts. It must be started in
 * namespaces of its own (network, mounts, processes), so that ports are free, names resolve and nothing is left behind:
 * unshare --net --mount --pid --fork --kill-child --mount-proc
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../paths.ts';
import { Container } from './container.ts';
import { type ComposeService, composeServices, mountsOf, serviceImage, startOrder } from './file.ts';

const [work = '', postgres = '', prometheus = ''] = process.argv.slice(2);
/** A value with characters that must be escaped nowhere, and another one than the default. */
const services = composeServices({ POSTGRES_PASSWORD: 'other' });
const image = serviceImage();
const idOf = (user: string) =>
  ['-u', '-g'].map((flag) => execFileSync('id', [flag, user], { encoding: 'utf8' }).trim()).join(':');

interface Runner {
  container: Container;
  begin(): void;
  health: string[];
  signal: NodeJS.Signals;
  seconds: number;
}

/** The documented behaviour of the images of others: user, folder, and the command before `command`. */
const runners: Record<string, (name: string, service: ComposeService) => Runner> = {
  'clipn-gate': (name, service) => {
    const content: Record<string, string> = { '/app/healthcheck.mjs': join(ROOT, 'docker/healthcheck.mjs') };
    for (const part of ['dist', 'node_modules', 'models/clipn-small', 'package.json', 'proto', 'samples'])
      content[`/app/${part}`] = join(ROOT, part);
    const { LD_PRELOAD: _, ...env } = { ...image.env, ...service.environment } as Record<string, string>;
    const container = made(name, service, { content, user: image.user, workdir: image.workdir, env });
    return {
      container,
      begin: () => container.start(image.command),
      health: image.health,
      signal: image.stopSignal,
      seconds: grace(service),
    };
  },
  postgres: (name, service) => {
    const {
      POSTGRES_USER: user = '',
      POSTGRES_PASSWORD: password = '',
      POSTGRES_DB: db = '',
    } = service.environment ?? {};
    const data = '/var/lib/postgresql/data';
    const env = { PGDATA: `${data}`, PGPASSWORD: password, PATH: `${postgres}:${process.env['PATH']}` };
    const container = made(name, service, { content: {}, user: idOf('postgres'), workdir: data, env });
    // the image's entrypoint makes an empty volume ready
    const init = `[ -s PG_VERSION ] || { printf %s "$PGPASSWORD" >/tmp/pw && initdb -U ${user} --pwfile=/tmp/pw -A scram-sha-256 -E UTF8 --locale=C --no-sync >/dev/null; }`;
    const create = `psql -h 127.0.0.1 -U ${user} -d postgres -tAc "select 1 from pg_database where datname='${db}'" | grep -q 1 || createdb -h 127.0.0.1 -U ${user} ${db}`;
    const begin = () => {
      if (!container.succeeds(['sh', '-c', init])) throw new Error(`initdb: ${container.lastCheck}`);
      container.start(['postgres', '-c', 'listen_addresses=*', '-c', 'unix_socket_directories=/tmp']);
    };
    const [kind, check = ''] = service.healthcheck?.test ?? [];
    if (kind !== 'CMD-SHELL') throw new Error('the health check of postgres is no CMD-SHELL');
    // the socket of the image is in the default place, which belongs to this machine's server here
    const health = ['sh', '-c', `(${create}) && PGHOST=/tmp ${check}`];
    return { container, begin, health, signal: 'SIGINT', seconds: 20 };
  },
  prometheus: (name, service) => {
    const content = { '/bin/prometheus': prometheus };
    const container = made(name, service, { content, user: '65534:65534', workdir: '/prometheus', env: {} });
    const ready =
      'fetch("http://prometheus:9090/-/ready").then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))';
    const begin = () => container.start(['/bin/prometheus', ...(service.command ?? [])]);
    return { container, begin, health: [process.execPath, '-e', ready], signal: 'SIGTERM', seconds: 20 };
  },
};

const grace = ({ stop_grace_period: s = '10s' }: ComposeService) => Number.parseInt(s, 10);

function made(
  name: string,
  service: ComposeService,
  rest: { content: Record<string, string>; user: string; workdir: string; env: Record<string, string> },
): Container {
  return new Container({
    name,
    work,
    mounts: mountsOf(service),
    readOnly: service.read_only ?? false,
    hosts: Object.keys(services),
    ...rest,
  });
}

// biome-ignore lint/suspicious/noExplicitAny: replies are asserted by the test
const json = async (url: string, init?: RequestInit): Promise<any> => (await fetch(url, init)).json();
/** The port of a container that is published to this machine. */
const published = (name: string) => Number(services[name]?.ports?.[0]?.split(':').at(-1));

async function targets(): Promise<{ health: string; url: string; error: string }[]> {
  const { data } = (await json(`http://127.0.0.1:${published('prometheus')}/api/v1/targets`)) as {
    data: { activeTargets: { health: string; scrapeUrl: string; lastError: string }[] };
  };
  return data.activeTargets.map(({ health, scrapeUrl, lastError }) => ({ health, url: scrapeUrl, error: lastError }));
}

/** The answers at the three published ports. */
async function observed() {
  const gate = `http://127.0.0.1:${published('clipn-gate')}`;
  const image = readFileSync(join(ROOT, 'samples/cat.jpg'));
  await fetch(`${gate}/v1/tenants/zoo`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"classes":["cat","dog"]}',
  });
  const verdict = async () =>
    json(`${gate}/v1/detect?tenant=zoo`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: image });
  let reply = await verdict();
  for (let i = 0; i < 600 && reply.code === 'tenant_building'; i++) {
    await sleep(200);
    reply = await verdict();
  }
  let scraped = await targets();
  for (let i = 0; i < 300 && (scraped.length === 0 || scraped.some(({ health }) => health === 'unknown')); i++) {
    await sleep(200);
    scraped = await targets();
  }
  const prometheusUrl = `http://127.0.0.1:${published('prometheus')}/api/v1`;
  const { data } = await json(`${prometheusUrl}/rules`);
  const groups = data.groups as { rules: { name: string; lastError?: string }[] }[];
  const series = (await json(`${prometheusUrl}/query?query=clipn_tenants`)).data.result.length;
  return { reply, targets: scraped, rules: groups.flatMap((g) => g.rules.map((r) => r.name)), series };
}

execFileSync('ip', ['link', 'set', 'lo', 'up']);
execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', work]);
mkdirSync(join(work, 'volumes'));
const order = startOrder(services).filter((name) => runners[name]);
const running = new Map(
  order.map((name) => [name, (runners[name] as (typeof runners)[string])(name, services[name] as ComposeService)]),
);
const up = async () => {
  for (const { container, begin, health } of running.values()) {
    begin();
    await container.healthy(health);
  }
};
const down = async () => {
  const status: Record<string, number | undefined> = {};
  for (const [name, { container, signal, seconds }] of [...running].reverse())
    status[name] = await container.stop(signal, seconds);
  return status;
};
await up();
const service = (running.get('clipn-gate') as Runner).container;
const writes = Object.fromEntries(
  ['/app', '/tmp', '/data'].map((dir) => [dir, service.succeeds(['sh', '-c', `: >${dir}/probe`])]),
);
const first = await observed();
const unready = { stopped: await down(), check: service.succeeds((running.get('clipn-gate') as Runner).health) };
await up();
const tenants = await json(`http://127.0.0.1:${published('clipn-gate')}/v1/tenants`);
const second = { tenants: tenants.tenants.map((t: { tenant: string }) => t.tenant), stopped: await down() };
process.stdout.write(`\nREPORT ${JSON.stringify({ order, writes, first, unready, second })}\n`);
