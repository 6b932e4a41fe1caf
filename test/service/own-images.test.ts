import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import type { TenantReply } from '../../src/http/schemas/tenant.ts';
import { documentAt } from '../helpers/documents.ts';
import { COMMAND, DEFAULT_BUNDLE, photographs, skip, temporaryDirectory } from '../helpers/paths.ts';
import { environment, startService } from '../helpers/service.ts';

const run = promisify(execFile);
const { blocks } = documentAt('docs/your-own-images.md');
const walk = blocks.findIndex(({ text }) => text.includes('tenants apply'));
const file = blocks[walk - 1]?.text ?? '';
const lines = (blocks[walk]?.text ?? '').split('\n').filter((line) => line.startsWith('clipn-gate '));
const printed = blocks[walk + 1]?.text ?? '';

/** Numbers of a text replaced, because they depend on the photographs. */
const shape = (text: string) => text.trim().replaceAll(/\d+(\.\d+)?/g, 'N');

it('the walk of docs/your-own-images.md leads to a calibrated tenant with examples, on photographs and the included model', {
  skip: skip.photographs,
}, async (t) => {
  const dir = await temporaryDirectory(t);
  await writeFile(join(dir, 'animals.yaml'), file);
  const { classes } = parse(file) as { classes: string[] };
  assert.ok(lines.length >= 5 && classes.length > 4);
  for (const photo of photographs) {
    const name = basename(dirname(photo));
    const place = photographs.filter((other) => dirname(other) === dirname(photo)).indexOf(photo);
    if (!classes.includes(name)) continue;
    const folder = join(dir, place === 0 ? 'examples' : 'calibration', name);
    await mkdir(folder, { recursive: true });
    await cp(photo, join(folder, basename(photo)));
  }
  const { url } = await startService(t, join(dir, 'data'), { CLIPN_BUNDLE: DEFAULT_BUNDLE });
  let last = '';
  for (const line of lines) {
    const args = line.replace(/\s#.*/, '').trim().split(/\s+/).slice(1);
    const { stdout } = await run(process.execPath, [COMMAND, ...args], {
      cwd: dir,
      env: environment({ CLIPN_URL: url }),
    });
    last = stdout;
  }
  assert.equal(shape(last), shape(printed));
  t.diagnostic(last);
  const tenant = (await (await fetch(`${url}/v1/tenants/animals`)).json()) as TenantReply;
  assert.deepEqual(
    [tenant.calibration?.state, tenant.calibration?.keep, tenant.calibration?.images],
    ['current', 0.8, 24],
  );
  assert.deepEqual(tenant.examples, [
    { class: 'lobster', images: 1 },
    { class: 'panda', images: 1 },
  ]);
});
