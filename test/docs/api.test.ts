import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CODES } from '../../src/errors/index.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { testApp } from '../helpers/app.ts';
import { DOCUMENTS, documentAt } from '../helpers/documents.ts';

const pages = DOCUMENTS.filter(
  ({ path }) => path === 'README.md' || path.startsWith('docs/') || path.startsWith('helm/'),
);
const everything = pages.map((d) => d.text).join('\n');

describe('the interfaces in the documents', () => {
  it('docs/api.md has every error code with its status, and no other', () => {
    const { text } = documentAt('docs/api.md');
    const section = text.slice(text.indexOf('\n## Errors'));
    const rows = [...section.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \| [^|]+ \| [^|]+ \|$/gm)];
    assert.deepEqual(
      Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)])),
      Object.fromEntries(Object.entries(CODES).map(([code, { status }]) => [code, status])),
    );
  });

  it('every address of the API that a document names is an endpoint', async (t) => {
    const { app } = await testApp(t);
    const { paths = {} } = app.swagger() as { paths?: Record<string, unknown> };
    const own = Object.keys(paths).filter((path) => /^\/v[12]/.test(path));
    assert.ok(own.length > 15);
    const pattern = (path: string) => path.replaceAll(/\{[^}]+\}|\*/g, '[^/]+');
    const known = new RegExp(`^(${Object.keys(paths).map(pattern).join('|')})/?$`);
    const named = new Set(
      everything.match(/(?<![\w.])\/v(1\/(detect|tenants|tenant-files|admin|ext-authz)|2\/(models|health))[\w/{}-]*/g),
    );
    // an address that others begin with is a prefix
    assert.deepEqual(
      [...named].filter((path) => !known.test(path) && !own.some((o) => o.startsWith(`${path.replace(/\/$/, '')}/`))),
      [],
    );
  });

  it('every metric that a document names is exported', () => {
    const names = createMetrics()
      .registry.getMetricsAsArray()
      .map((m) => (m as { name: string }).name);
    const faults = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\bclipn_[a-z_]*[a-z](?:_\.\.\.)?/g)]
        .map(([name]) => name)
        .filter((name) => !['clipn_models', 'clipn_gate'].includes(name))
        .filter((name) =>
          name.endsWith('_...')
            ? !names.some((known) => known.startsWith(name.slice(0, -3)))
            : !names.includes(name.replace(/_(bucket|sum|count)$/, '')) && !names.includes(name),
        )
        .map((name) => `${path}: ${name}`),
    );
    assert.deepEqual(faults, []);
  });
});
