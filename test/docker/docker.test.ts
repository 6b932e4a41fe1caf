import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { describeConfig } from '../../src/config/index.ts';
import { ROOT } from '../helpers/paths.ts';
import { run, without } from '../helpers/tools.ts';

const DOCKER = join(ROOT, 'docker');
const dockerfiles = readdirSync(DOCKER).filter((name) => name.startsWith('Dockerfile'));
const known = new Set(describeConfig().map((row) => row.variable));

describe('Dockerfiles', () => {
  for (const name of dockerfiles) {
    it(`hadolint finds nothing in ${name}`, { skip: without('hadolint') }, async () => {
      const { code, output } = await run('hadolint', ['--failure-threshold', 'style', join(DOCKER, name)]);
      assert.equal(code, 0, output);
    });

    it(`${name} has a numeric user without rights, and every variable in it is a setting`, () => {
      const text = readFileSync(join(DOCKER, name), 'utf8');
      assert.equal(/^USER (.*)$/gm.exec(text)?.[1], '10001:10001');
      for (const [variable] of text.matchAll(/CLIPN_[A-Z_]+(?==)/g)) assert.ok(known.has(variable), variable);
    });

    it(`files that ${name} copies are in the build context`, () => {
      const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8');
      const text = readFileSync(join(DOCKER, name), 'utf8');
      for (const [, source] of text.matchAll(/^COPY (?!--from)(\S+) /gm)) {
        assert.ok(existsSync(join(ROOT, source as string)), source);
        const [top] = (source as string).split('/');
        assert.ok(top === '.' || ignored.includes(`!${top}\n`), source);
      }
    });
  }
});

describe('compose.yaml', () => {
  const compose = parse(readFileSync(join(DOCKER, 'compose.yaml'), 'utf8')) as {
    services: Record<
      string,
      {
        build?: { context: string; dockerfile: string };
        volumes?: string[];
        ports?: string[];
        environment?: Record<string, string>;
      }
    >;
    volumes: Record<string, null>;
  };

  it('every file that compose.yaml mounts or builds from exists, and every volume is declared', () => {
    for (const [name, { build, volumes = [] }] of Object.entries(compose.services)) {
      for (const volume of volumes) {
        const [source] = volume.split(':') as [string];
        if (source.startsWith('.')) assert.ok(existsSync(resolve(DOCKER, source)), `${name}: ${source}`);
        else assert.ok(source in compose.volumes, `${name}: ${source}`);
      }
      if (build) assert.ok(existsSync(resolve(DOCKER, build.context, build.dockerfile)));
    }
  });

  it('compose.yaml publishes ports on loopback only and uses existing settings only', () => {
    for (const { ports = [] } of Object.values(compose.services))
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
    for (const name of Object.keys(compose.services['clipn-gate']?.environment ?? {})) assert.ok(known.has(name), name);
  });

  it('Prometheus accepts its configuration', { skip: without('promtool') }, async () => {
    // rules.yaml is beside it in the container, and elsewhere here
    const { code, output } = await run('promtool', [
      'check',
      'config',
      '--syntax-only',
      join(DOCKER, 'prometheus/prometheus.yaml'),
    ]);
    assert.equal(code, 0, output);
  });

  it("the dashboard is in the folder that Grafana's provisioning names", () => {
    const provider = parse(readFileSync(join(DOCKER, 'grafana/dashboards.yaml'), 'utf8'));
    const mounted = compose.services['grafana']?.volumes
      ?.find((v) => v.includes('dashboard.json'))
      ?.split(':')[1] as string;
    assert.equal(dirname(mounted), provider.providers[0].options.path);
    assert.equal(compose.services['grafana']?.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'], mounted);
  });
});

describe('health check of the image', () => {
  const check = (port: number) => run('env', [`CLIPN_PORT=${port}`, process.execPath, join(DOCKER, 'healthcheck.mjs')]);

  it('the health check of the image follows /readyz', async (t) => {
    let status = 200;
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/readyz' ? status : 500;
      response.end('{"reasons":["the engine is starting"]}');
    }).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    assert.equal((await check(port)).code, 0);
    status = 503;
    const unready = await check(port);
    assert.equal(unready.code, 1);
    assert.match(unready.output, /the engine is starting/);
  });

  it('the health check of the image fails where nothing listens', async () => {
    const { code, output } = await check(1);
    assert.equal(code, 1);
    assert.match(output, /ECONNREFUSED|bad port/);
  });
});

describe('start-up self-test of the GPU image', () => {
  it('the start-up check of the GPU image says what is missing', {
    skip: existsSync('/dev/nvidia0') && 'there is a GPU here',
  }, async () => {
    const text = readFileSync(join(DOCKER, 'gpu-entrypoint.sh'), 'utf8').replace('cd /app', `cd ${ROOT}`);
    const { code, output } = await run('sh', ['-c', text, 'gpu-entrypoint.sh', 'serve']);
    assert.equal(code, 1);
    assert.match(output, /GPU self-test: no NVIDIA device/);
  });
});
