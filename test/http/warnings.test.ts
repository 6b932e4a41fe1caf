import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testApp } from '../helpers/app.ts';

describe('warnings about classes', () => {
  it('PUT, GET and check warn of twins and of a single class alike', async (t) => {
    const { app } = await testApp(t);
    const codes = async (method: 'PUT' | 'POST' | 'GET', url: string, payload?: object) => {
      const { warnings } = (await app.inject({ method, url, ...(payload && { payload }) })).json();
      return warnings.map((w: { code: string; index?: number }) => [w.code, w.index]);
    };
    for (const [classes, expected] of [
      [['dog', 'cat', 'Dog'], [['duplicate_class', 2]]],
      [
        ['caf\u00e9', 'cafe\u0301', { name: 'cat', aliases: ['CAFÉ'] }],
        [
          ['duplicate_class', 1],
          ['duplicate_class', 2],
        ],
      ],
      [['dog'], [['single_class', undefined]]],
    ] as const) {
      assert.deepEqual(await codes('PUT', '/v1/tenants/twins', { classes }), expected);
      assert.deepEqual(await codes('POST', '/v1/tenants/twins/check', { classes }), expected);
      assert.deepEqual(await codes('GET', '/v1/tenants/twins'), expected);
    }
  });
});
