import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type TestApp, testApp } from '../helpers/app.ts';

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

  const LONG = 'a name of a class that has more tokens than the model reads';
  const detect = async ({ app }: Pick<TestApp, 'app'>, query: string) =>
    app.inject({
      method: 'POST',
      url: `/v1/detect?${query}`,
      headers: { 'content-type': 'image/png' },
      payload: 'a picture',
    });

  it('PUT, GET, check and detect name the classes that are cut off, an alias too', async (t) => {
    const parts = await testApp(t);
    const { app } = parts;
    const classes = ['dog', LONG, { name: 'cat', aliases: ['puss', `${LONG} here`] }];
    const expected = [
      ['truncated', LONG, 1, `The class "${LONG}" is too long for the model`],
      ['truncated', 'cat', 2, `The class "cat", as its alias "${LONG} here", is too long for the model`],
    ];
    const url = '/v1/tenants/long';
    for (const reply of [
      await app.inject({ method: 'POST', url: `${url}/check`, payload: { classes } }),
      await app.inject({ method: 'PUT', url, payload: { classes } }),
      await app.inject(url),
      await detect(parts, 'tenant=long'),
      await detect(parts, 'tenant=long&explain=true'),
    ]) {
      const warnings: { code: string; class: string; index: number; message: string }[] = reply.json().warnings;
      const cut = warnings.filter(({ code }) => code === 'truncated');
      assert.deepEqual(
        cut.map((w) => [w.code, w.class, w.index, w.message.split(' in at least')[0]]),
        expected,
      );
    }
    const codes = (await detect(parts, 'tenant=long&explain=true')).json().warnings.map((w: Coded) => w.code);
    assert.deepEqual(codes, ['no_negatives', 'truncated', 'truncated']);
  });

  it('detect names the first ten classes that are cut off, and has no field of warnings where there are none', async (t) => {
    const parts = await testApp(t);
    const put = (classes: string[]) =>
      parts.app.inject({ method: 'PUT', url: '/v1/tenants/many', payload: { classes } });
    const many = Array.from({ length: 12 }, (_, i) => `${LONG} ${i}`);
    assert.equal((await put(many)).json().warnings.length, 12);
    assert.deepEqual(
      (await detect(parts, 'tenant=many')).json().warnings.map((w: { class: string }) => w.class),
      many.slice(0, 10),
    );
    // a single class and unknown words are warnings of PUT alone
    assert.equal((await put(['dog zzz'])).json().warnings.length, 2);
    const { body } = await detect(parts, 'tenant=many');
    assert.match(body, /"results":\[.*\],"timing_ms":/);
    assert.doesNotMatch(body, /warnings/);
  });
});

interface Coded {
  code: string;
}
