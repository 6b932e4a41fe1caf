/**
 * `npm run bench -- upgrade --other DIR`: the released version (another checkout that is built), this one on its data, and back, on a data
 * directory and on PostgreSQL. Each must serve every tenant that the other made or changed. Prints what each step answered.
 */
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../helpers/paths.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { putTenant, type Service, sendImage, startService } from '../helpers/service.ts';
import type { Bench } from './main.ts';
import { fixed, table } from './report.ts';

interface Step {
  store: string;
  version: string;
  ready_s: number;
  /** Tenant → verdict, or the status and code of the answer. */
  answers: Record<string, string>;
}

/** The verdict on a photograph once the tenant is built. */
async function verdict(url: string, tenant: string, image: Uint8Array): Promise<string> {
  for (;;) {
    const reply = await sendImage(url, image, `?tenant=${tenant}`);
    const body = (await reply.json()) as { code?: string; model: { name: string }; results: { decision: string }[] };
    if (body.code === 'tenant_building') await sleep(100);
    else return reply.ok ? `${body.results[0]?.decision} by ${body.model.name}` : `${reply.status} ${body.code}`;
  }
}

/** The model that a version embeds: 1.0.0 had another one. */
const embedded = (root: string): Promise<string> =>
  access(join(root, 'models/clipn-small/bundle.json')).then(
    () => join(root, 'models/clipn-small'),
    () => join(root, 'models/clipn-tiny'),
  );

async function put({ url }: Service, tenant: string, classes: string[]): Promise<void> {
  const reply = await putTenant(url, tenant, { classes });
  if (!reply.ok) throw new Error(`PUT of ${tenant} was answered with ${reply.status}: ${await reply.text()}`);
}

/** There, back, and there again, on one store. `address` is that of a database. */
async function journey(other: string, store: string, address: string | undefined): Promise<Step[]> {
  const data = await mkdtemp(join(tmpdir(), 'clipn-upgrade-'));
  const image = await readFile(join(ROOT, 'samples/cat.jpg'));
  const steps: Step[] = [];
  const visit = async (version: string, root: string, tenants: string[], change?: (s: Service) => Promise<void>) => {
    const ends: (() => unknown)[] = [];
    const began = performance.now();
    const env: Record<string, string> = { CLIPN_BUNDLE: await embedded(root) };
    if (address !== undefined) env['CLIPN_STORE'] = address;
    const program = join(root, 'dist/cli/main.js');
    const service = await startService(
      { after: (f) => void ends.push(f as () => unknown) },
      data,
      env,
      ['serve'],
      program,
    );
    const ready_s = (performance.now() - began) / 1000;
    await change?.(service);
    const answers: Record<string, string> = {};
    for (const tenant of tenants) answers[tenant] = await verdict(service.url, tenant, image);
    service.child.kill('SIGTERM');
    await service.exited;
    for (const end of ends) await end();
    steps.push({ store, version, ready_s, answers });
  };
  try {
    await visit('released', other, ['demo', 'zoo'], (s) => put(s, 'zoo', ['cat', 'dog', 'zebra']));
    await visit('this', ROOT, ['demo', 'zoo']);
    await visit('this, changes', ROOT, ['demo', 'zoo', 'new'], async (s) => {
      await put(s, 'zoo', ['cat', 'dog', 'zebra', 'lion']);
      await put(s, 'new', ['cat', 'car']);
    });
    await visit('released again', other, ['demo', 'zoo', 'new']);
    await visit('this again', ROOT, ['demo', 'zoo', 'new']);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
  return steps;
}

export const upgrade: Bench = async ({ other }) => {
  if (other === undefined) throw new Error('--other names a checkout of the released version that is built');
  const steps = await journey(other, 'directory', undefined);
  if (withoutPostgres) console.log(`PostgreSQL: ${withoutPostgres}`);
  else {
    const server = await PostgresServer.start();
    try {
      steps.push(...(await journey(other, 'PostgreSQL', await server.database())));
    } finally {
      await server.stop();
    }
  }
  table(
    ['store', 'version', 'ready after s', 'answers'],
    steps.map((s) => [
      s.store,
      s.version,
      fixed(s.ready_s),
      Object.entries(s.answers)
        .map(([t, a]) => `${t}: ${a}`)
        .join(', '),
    ]),
  );
  const failed = steps.flatMap((s) => Object.values(s.answers)).filter((a) => !/^(id|ood) by /.test(a)).length;
  console.log(`${failed} tenants were not served`);
  if (failed > 0) process.exitCode = 1;
  return steps;
};
