import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startCollector } from '../helpers/collector.ts';
import { recordingUpstream } from '../helpers/gate.ts';
import { waves } from '../helpers/images.ts';
import { COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { environment, startService, until } from '../helpers/service.ts';

/** Secrets that must not be in the log, by the place where they are used. */
const SECRETS = {
  password: 'pgS3cretWord',
  bearer: 'bearerS3cretWord',
  basic: Buffer.from('user:basicS3cretWord').toString('base64'),
  cookie: 'cookieS3cretWord',
  otlp: 'otlpS3cretWord',
  query: 'queryS3cretWord',
};

describe('the log at level trace, and standard error', () => {
  it('neither debug log nor standard error has a key, Authorization, cookie, password, collector header or byte of an image', {
    skip: withoutPostgres,
  }, async (t) => {
    const server = await PostgresServer.start();
    t.after(() => server.stop());
    const database = (await server.database()).replace('clipn@', `clipn:${SECRETS.password}@`);
    const dir = await temporaryDirectory(t);
    const upstream = await recordingUpstream(t);
    const config = join(dir, 'gate.yaml');
    const routes = [
      { match: { path: '/shadow' }, adapter: 'raw', mode: 'shadow' },
      { match: { path: '/away' }, adapter: 'raw', mode: 'enforce', fail: { default: 'closed' } },
    ];
    await writeFile(config, JSON.stringify({ listen: { port: 0 }, upstream: { url: upstream.url }, routes }));
    const collector = await startCollector(t);
    // a collector that refuses and quotes what it was sent
    collector.status = 401;
    const key = { CLIPN_STORE: database, CLIPN_DATA_DIR: dir };
    const made = spawnSync(process.execPath, [COMMAND, 'keys', 'create', '--name', 'first', '--admin'], {
      cwd: ROOT,
      env: environment(key),
      encoding: 'utf8',
    });
    const secretKey = /clipn_\w+/.exec(made.stdout)?.[0] as string;
    assert.ok(secretKey.length > 30, made.stderr);
    const service = await startService(
      t,
      dir,
      {
        ...key,
        CLIPN_LOG_LEVEL: 'trace',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        // the exporter reports, and quotes, a value that cannot be a header
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=${SECRETS.otlp}%0Ax,x-token=${SECRETS.otlp}`,
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
      ['gate', '--config', config],
    );

    const image = await waves(400, 300, 1).jpeg().toBuffer();
    const secret: Record<string, string> = { cookie: `session=${SECRETS.cookie}` };
    const post = (url: string, headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer>) =>
      fetch(url, { method: 'POST', headers: { ...secret, ...headers }, body });
    const raw = { 'content-type': 'image/jpeg' };
    const good = { authorization: `Bearer ${secretKey}` };
    const address = `${service.url}/v1/detect`;
    const bytes = new Uint8Array(image);
    const base64 = JSON.stringify({ images: [{ id: 'a', data: image.toString('base64') }] });
    const json = { 'content-type': 'application/json' };
    const answers = [
      await post(`${address}?x=${SECRETS.query}`, { ...raw, ...good }, bytes),
      await post(address, { ...raw, 'x-api-key': secretKey }, bytes),
      await post(address, { ...raw, authorization: `Bearer ${SECRETS.bearer}` }, bytes),
      await post(address, { ...raw, authorization: `Basic ${SECRETS.basic}` }, bytes),
      await post(address, { ...json, ...good }, base64),
      await post(address, { ...json, ...good }, base64.slice(0, -20)),
      await post(address, { ...json, ...good }, base64.replace('"id"', '"iid"')),
      await post(address, { ...raw, ...good }, bytes.subarray(0, 3000)),
      await post(`${service.url}/v1/${secretKey}`, good, 'x'),
      await fetch(`${service.url}/v1/tenants/zoo`, {
        method: 'PUT',
        headers: { ...json, ...good },
        body: '{"classes":["a","b"]}',
      }),
      await post(`${service.gate}/shadow`, { ...raw, authorization: `Basic ${SECRETS.basic}` }, bytes),
    ];
    assert.deepEqual(
      answers.map((r) => r.status),
      [200, 200, 401, 401, 200, 400, 400, 422, 404, 201, 200],
    );
    upstream.server.closeAllConnections();
    upstream.server.close();
    assert.equal(
      (await post(`${service.gate}/shadow`, { ...raw, authorization: `Bearer ${SECRETS.bearer}` }, bytes)).status,
      502,
    );
    await until('the collector has refused', 10_000, () =>
      service.log.some((l) => l['msg'] === 'traces cannot be exported'),
    );
    await server.halt();
    await until('the database is missed', 10_000, () =>
      service.log.some((l) => String(l['msg']).startsWith('the database cannot be reached')),
    );
    service.child.kill('SIGTERM');
    assert.equal(await service.exited, 0);

    const output = service.output();
    for (const line of ['request failed', 'gate: verdict', 'gate: the upstream gave no answer'])
      assert.ok(output.includes(line), line);
    for (const [what, word] of Object.entries(SECRETS)) assert.ok(!output.includes(word), `${what} is in the log`);
    const [visible, hidden] = [secretKey.slice(0, 17), secretKey.slice(17)];
    assert.ok(output.includes(visible) && !output.includes(hidden), 'a key by its visible part only');
    // any stretch of it, as it is, in base64, as hexadecimal or as a list of numbers
    for (let at = 0; at + 48 <= image.length; at += 16) {
      const piece = image.subarray(at, at + 24);
      const inner = image
        .subarray(at, at + 48)
        .toString('base64')
        .slice(4, 28);
      for (const text of [piece.toString('hex'), inner, [...piece].join(',')])
        assert.ok(!output.includes(text), `bytes of an image from ${at} on`);
    }
  });

  it('a wrong setting is shown without its password', () => {
    const wrong = [
      `postgres:/clipn:${SECRETS.password}@db/x`,
      `postgresql//clipn:${SECRETS.password}@db`,
      `mysql://clipn:a@b:${SECRETS.password}@db`,
    ];
    for (const store of wrong) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, 'serve'], {
        cwd: ROOT,
        env: environment({ CLIPN_STORE: store }),
        encoding: 'utf8',
      });
      assert.equal(status, 2);
      assert.match(stderr, /CLIPN_STORE/);
      assert.ok(!(stdout + stderr).includes(SECRETS.password), stderr);
    }
  });
});
