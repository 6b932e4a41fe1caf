import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAIL_CAUSES, type FailCause, MODES, type Mode } from '../../src/gate/config/schema.ts';
import { multipart } from '../helpers/app.ts';
import { ask, image, type Recorded, recordingUpstream, startGate } from '../helpers/gate.ts';
import { until } from '../helpers/service.ts';

/** How each protocol carries one image, and what of a body is no image of it. */
const json = { 'Content-Type': 'application/json' };
const b64 = (bytes: Buffer) => bytes.toString('base64');
const text = (value: unknown) => Buffer.from(JSON.stringify(value));

function tensor(bytes: Buffer): { headers: Record<string, string>; body: Buffer } {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  const input = { name: 'i', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: bytes.length + 4 } };
  const head = text({ inputs: [input] });
  return {
    headers: { 'Inference-Header-Content-Length': String(head.length) },
    body: Buffer.concat([head, length, bytes]),
  };
}

type Carry = (bytes: Buffer) => { headers: Record<string, string>; body: Buffer };
const ADAPTERS: Record<string, { adapter: string; options?: object; carry: Carry; empty: ReturnType<Carry> }> = {
  raw: {
    adapter: 'raw',
    carry: (body) => ({ headers: { 'Content-Type': 'image/jpeg' }, body }),
    empty: { headers: { 'Content-Type': 'image/jpeg' }, body: Buffer.alloc(0) },
  },
  multipart: {
    adapter: 'multipart',
    carry: (data) => {
      const { headers, payload } = multipart([{ name: 'image', data }]);
      return { headers: { 'Content-Type': headers['content-type'] }, body: payload };
    },
    empty: {
      headers: { 'Content-Type': 'multipart/form-data; boundary=XBOUNDX' },
      body: Buffer.from('--XBOUNDX\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--XBOUNDX--\r\n'),
    },
  },
  json: {
    adapter: 'json',
    options: { pointers: ['/photo'] },
    carry: (bytes) => ({ headers: json, body: text({ photo: `data:image/jpeg;base64,${b64(bytes)}`, n: 1 }) }),
    empty: { headers: json, body: text({ n: 1 }) },
  },
  'tf-serving': {
    adapter: 'tf-serving',
    carry: (bytes) => ({ headers: json, body: text({ instances: [{ b64: b64(bytes) }] }) }),
    empty: { headers: json, body: text({ instances: [[1, 2]] }) },
  },
  'kserve-v1': {
    adapter: 'kserve-v1',
    carry: (bytes) => ({ headers: json, body: text({ instances: [{ image: { b64: b64(bytes) } }] }) }),
    empty: { headers: json, body: text({ instances: [] }) },
  },
  'oip-v2 json': {
    adapter: 'oip-v2',
    carry: (bytes) => ({
      headers: json,
      body: text({ inputs: [{ name: 'i', datatype: 'BYTES', shape: [1], data: [b64(bytes)] }] }),
    }),
    empty: { headers: json, body: text({ inputs: [{ name: 'i', datatype: 'FP32', shape: [1], data: [1] }] }) },
  },
  'oip-v2 binary': {
    adapter: 'oip-v2',
    carry: tensor,
    empty: { headers: { 'Inference-Header-Content-Length': '13' }, body: Buffer.from('{"inputs":[]}') },
  },
  'triton-raw': {
    adapter: 'triton-raw',
    carry: (body) => ({ headers: { 'Inference-Header-Content-Length': '0' }, body }),
    empty: { headers: { 'Inference-Header-Content-Length': '0' }, body: Buffer.alloc(0) },
  },
  torchserve: {
    adapter: 'torchserve',
    carry: (body) => ({ headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body }),
    empty: { headers: json, body: text({ instances: [] }) },
  },
};
for (const name of ['raw', 'multipart', 'tf-serving', 'oip-v2 json', 'oip-v2 binary'] as const)
  ADAPTERS[`auto, ${name}`] = { ...(ADAPTERS[name] as (typeof ADAPTERS)[string]), adapter: 'auto' };

/** An archive, in which there may be images. */
const PACKED = {
  headers: { 'Content-Type': 'application/octet-stream' },
  body: Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(60)]),
};
const OUTCOMES = ['id', 'ood', ...FAIL_CAUSES] as const;
const WORDS: Record<string, string> = {
  id: 'ID',
  ood: 'OOD',
  engine_down: 'DOWN',
  overloaded: 'BUSY',
  deadline: 'HANG',
  undecodable: 'BAD',
};
const STATUS: Record<FailCause, number> = {
  unexamined: 422,
  engine_down: 503,
  overloaded: 503,
  deadline: 503,
  undecodable: 422,
  no_image: 400,
  too_large: 413,
  no_tenant: 503,
  uncalibrated: 503,
};

/** The expected result, computed from the mode, the outcome and the policy alone. */
function expected(mode: Mode, outcome: (typeof OUTCOMES)[number], policy: 'open' | 'closed') {
  const failed = outcome !== 'id' && outcome !== 'ood';
  if (mode === 'off') return { passes: true, status: 200, annotated: false, failed, counted: false };
  const stopped = mode === 'enforce' && (outcome === 'ood' || (failed && policy === 'closed'));
  const status = !stopped ? 200 : outcome === 'ood' ? 422 : STATUS[outcome as FailCause];
  return { passes: !stopped, status, annotated: mode !== 'shadow', failed, counted: true };
}

function sameAsSent(
  got: Recorded,
  sent: { headers: [string, string][]; body: Buffer; path: string },
  annotated: boolean,
) {
  assert.equal(got.url, sent.path);
  assert.ok(got.body.equals(sent.body), 'the body is byte for byte what was sent');
  const ours = /^(?:x-clipn-|x-forwarded-|connection$)/i;
  assert.deepEqual(
    got.headers.filter(([name]) => !ours.test(name)),
    [['Host', 'classifier.example'], ...sent.headers],
  );
  assert.equal(
    got.headers.some(([name]) => name.startsWith('x-clipn-')),
    annotated,
  );
}

describe('adapter x mode x verdict x fail cause', { concurrency: 7 }, () => {
  for (const [name, { adapter, options, carry, empty }] of Object.entries(ADAPTERS)) {
    it(name, async (t) => {
      const upstream = await recordingUpstream(t);
      const policies = ['open', 'closed'] as const;
      const routes = MODES.flatMap((mode) =>
        policies.flatMap((policy) =>
          ['demo', 'nobody', 'late', 'uncalibrated'].map((kind) => ({
            match: { path: `/${mode}/${policy}/${kind}` },
            adapter,
            ...options,
            mode,
            tenant: kind === 'nobody' || kind === 'uncalibrated' ? kind : 'demo',
            fail: policy,
            budget_ms: kind === 'late' ? 100 : 60_000,
            max_body_bytes: 2000,
          })),
        ),
      );
      const { url, engine, events, audit, gate } = await startGate(t, upstream.url, { routes });
      let rows = 0;
      const row = async (mode: Mode, policy: 'open' | 'closed', outcome: (typeof OUTCOMES)[number]) => {
        const word = WORDS[outcome] ?? 'ID';
        const { headers: fields, body } =
          outcome === 'unexamined'
            ? PACKED
            : outcome === 'no_image'
              ? empty
              : carry(image(word, outcome === 'too_large' ? 4000 : 40));
        const kind =
          { no_tenant: 'nobody', deadline: 'late', uncalibrated: 'uncalibrated' }[outcome as string] ?? 'demo';
        const path = `/${mode}/${policy}/${kind}?row=${rows++}`;
        const headers: [string, string][] = [
          ...Object.entries(fields),
          ['Content-Length', String(body.length)],
          ['X-Request-Id', `row-${rows}`],
        ];
        const answer = await ask(url, { path, headers, body });
        const want = expected(mode, outcome, policy);
        const where = `${name}, ${mode}, ${policy}, ${outcome}`;
        assert.equal(answer.status, want.status, where);
        const got = upstream.requests.find((r) => r.url === path);
        assert.equal(got !== undefined, want.passes, where);
        if (got) sameAsSent(got, { headers, body, path }, want.annotated);
        if (want.passes) assert.equal(String(answer.body), `{"received":${body.length}}`, where);
        else {
          const problem = JSON.parse(String(answer.body)) as Record<string, unknown>;
          assert.equal(problem['status'], want.status, where);
          assert.equal(problem['instance'], `row-${rows}`, where);
          if (want.failed) assert.equal(problem['cause'], outcome, where);
          else assert.deepEqual(problem['images'], [0], where);
        }
        assert.equal(answer.header('x-clipn-mode') !== undefined, want.annotated, where);
        if (want.annotated) {
          assert.equal(answer.header('x-clipn-verdict'), want.failed ? 'none' : outcome, where);
          assert.equal(answer.header('x-clipn-failure'), want.failed ? outcome : undefined, where);
        }
        // a header, a counter, a line of the trail
        const counted = events.splice(0);
        const line = audit.splice(0);
        if (!want.counted) assert.deepEqual([counted, line], [[], []], where);
        else {
          const action = want.passes ? 'pass' : outcome === 'ood' ? 'reject' : 'refuse';
          assert.equal(counted.find((e) => e.what === 'request')?.['action'], action, where);
          assert.equal(counted.find((e) => e.what === 'failure')?.['cause'], want.failed ? outcome : undefined, where);
          assert.deepEqual([line.length, line[0]?.action, line[0]?.mode], [1, action, mode], where);
        }
      };
      for (const mode of MODES)
        for (const policy of policies) for (const outcome of OUTCOMES) await row(mode, policy, outcome);
      assert.equal(rows, MODES.length * 2 * OUTCOMES.length);
      assert.equal(gate.buffered, 0);
      assert.equal(engine.aborted > 0, true, 'the engine receives deadlines');
      t.diagnostic(`${rows} rows`);
    });
  }
});

describe('enforce', () => {
  const OOD = { headers: [['Content-Length', '44']] as [string, string][], body: image('OOD') };
  const route = { match: { path: '/p' }, adapter: 'raw', mode: 'enforce' };

  it('enforce answers with the configured template, values escaped', async (t) => {
    const upstream = await recordingUpstream(t);
    const reject = {
      status: 200,
      content_type: 'application/json',
      headers: { 'x-model': 'm' },
      body: '{"predictions":[{"label":"{{class}}","n":{{image_count}},"bad":{{ood_indices}},"v":"{{ verdict }}","x":"{{unknown}}"}]}',
    };
    const { url, engine } = await startGate(t, upstream.url, { routes: [{ ...route, reject }] });
    const detect = engine.detect.bind(engine);
    engine.detect = async (...args) => ({ ...(await detect(...args)), index: 1 });
    const answer = await ask(url, { path: '/p', ...OOD });
    assert.equal(answer.status, 200);
    assert.equal(answer.header('x-model'), 'm');
    assert.deepEqual(JSON.parse(String(answer.body)), {
      predictions: [{ label: 'ca"t', n: 1, bad: [0], v: 'ood', x: '{{unknown}}' }],
    });
  });

  it('enforce sends OOD requests to the fallback upstream and the rest to the ordinary one', async (t) => {
    const [upstream, other] = [await recordingUpstream(t), await recordingUpstream(t)];
    const { url } = await startGate(t, upstream.url, { routes: [{ ...route, fallback: other.url }] });
    assert.equal((await ask(url, { path: '/p', ...OOD })).header('x-clipn-action'), 'fallback');
    assert.ok(other.requests[0]?.body.equals(OOD.body));
    assert.equal(upstream.requests.length, 0);
    await ask(url, { path: '/p', headers: [['Content-Length', '44']], body: image('ID') });
    assert.deepEqual([upstream.requests.length, other.requests.length], [1, 1]);
  });

  it('enforce with a percentage applies to the same requests every time', async (t) => {
    const upstream = await recordingUpstream(t);
    const { url, events } = await startGate(t, upstream.url, {
      routes: [{ ...route, percent: 30, sticky: { header: 'X-User' } }],
    });
    const statuses = async () => {
      const answers = Array.from({ length: 200 }, (_, i) =>
        ask(url, { path: '/p', headers: [...OOD.headers, ['X-User', `user ${i}`]], body: OOD.body }),
      );
      return (await Promise.all(answers)).map(({ status }) => status);
    };
    const first = await statuses();
    const share = first.filter((s) => s === 422).length;
    assert.ok(share > 35 && share < 85, `${share} of 200`);
    assert.deepEqual(await statuses(), first);
    assert.equal(events.filter((e) => e['action'] === 'pass').length, 2 * (200 - share));
  });

  it("shadow adds headers to the answer where configured, and a tenant's entry overrides the mode", async (t) => {
    const upstream = await recordingUpstream(t);
    const { url, reload } = await startGate(t, upstream.url, { routes: [{ ...route, mode: 'shadow', headers: true }] });
    const told = await ask(url, { path: '/p', ...OOD });
    assert.deepEqual(
      [told.status, told.header('x-clipn-verdict'), told.header('x-clipn-decisions')],
      [200, 'ood', 'ood'],
    );
    assert.ok(!upstream.requests[0]?.headers.some(([name]) => name.startsWith('x-clipn')));
    reload({
      routes: [{ ...route, tenant: { header: 'X-Tenant', default: 'demo' } }],
      tenants: { zoo: { mode: 'annotate' } },
    });
    assert.equal((await ask(url, { path: '/p', ...OOD })).status, 422);
    const zoo = await ask(url, { path: '/p', headers: [...OOD.headers, ['X-Tenant', 'zoo']], body: OOD.body });
    assert.deepEqual(
      [zoo.status, zoo.header('x-clipn-verdict'), zoo.header('x-clipn-tenant-version')],
      [200, 'ood', '3'],
    );
  });
});

describe('uncertain', () => {
  const routes = [undefined, 'pass', 'fallback', 'refuse'].flatMap((uncertain) =>
    ['calibrated', 'ctw'].map((method) => ({
      match: { path: `/${uncertain ?? 'none'}/${method}` },
      adapter: 'raw',
      mode: 'enforce',
      tenant: 'sure',
      method,
      ...(uncertain ? { uncertain } : {}),
    })),
  );
  const send = async (url: string, path: string, word: string) =>
    ask(url, { path, headers: [['Content-Length', '44']], body: image(word) });

  it('an uncertain image gets the action of its route, whichever rule decides; the others are decided as before', async (t) => {
    const [upstream, other] = [await recordingUpstream(t), await recordingUpstream(t)];
    const withFallback = routes.map((route) => ({ ...route, fallback: other.url }));
    const { url, audit } = await startGate(t, upstream.url, { routes: withFallback });
    const table: [path: string, word: string, verdict: string, action: string][] = [
      ['/none/calibrated', 'UNSURE', 'ood', 'fallback'],
      ['/none/ctw', 'UNSURE', 'id', 'pass'],
      ...['calibrated', 'ctw'].flatMap((method): [string, string, string, string][] => [
        [`/pass/${method}`, 'UNSURE', 'uncertain', 'pass'],
        [`/fallback/${method}`, 'UNSURE', 'uncertain', 'fallback'],
        [`/refuse/${method}`, 'UNSURE', 'uncertain', 'reject'],
        [`/refuse/${method}`, 'ID', 'id', 'pass'],
        [`/pass/${method}`, 'OOD', 'ood', 'fallback'],
      ]),
    ];
    for (const [path, word, verdict, action] of table) {
      const answer = await send(url, path, word);
      const where = `${path} ${word}`;
      assert.equal(answer.header('x-clipn-verdict'), verdict, where);
      assert.equal(answer.header('x-clipn-action'), action, where);
      assert.equal(answer.status, action === 'reject' ? 422 : 200, where);
      const band = { UNSURE: 'uncertain', ID: 'in', OOD: 'out' }[word];
      assert.equal(answer.header('x-clipn-bands'), band, where);
      assert.equal(audit.at(-1)?.images[0]?.band, band, where);
    }
  });

  it('without a fallback an uncertain image is refused, and in shadow mode it passes', async (t) => {
    const upstream = await recordingUpstream(t);
    const route = { adapter: 'raw', tenant: 'sure', uncertain: 'fallback', headers: true };
    const { url } = await startGate(t, upstream.url, {
      routes: ['enforce', 'shadow'].map((mode) => ({ ...route, mode, match: { path: `/${mode}` } })),
    });
    assert.equal((await send(url, '/enforce', 'UNSURE')).status, 422);
    const shadow = await send(url, '/shadow', 'UNSURE');
    assert.deepEqual([shadow.status, shadow.header('x-clipn-verdict')], [200, 'uncertain']);
  });
});

describe('batches', () => {
  const body = (...words: string[]) => text({ instances: words.map((word) => ({ b64: b64(image(word)) })), n: 1 });
  const send = (url: string, path: string, ...words: string[]) => {
    const bytes = body(...words);
    return ask(url, {
      path,
      headers: [
        ['Content-Type', 'application/json'],
        ['content-length', String(bytes.length)],
      ],
      body: bytes,
    });
  };

  it('an uncertain instance of a batch passes, or is treated like an image that is out', async (t) => {
    const upstream = await recordingUpstream(t);
    upstream.answer = (_request, response, received) => {
      const { instances } = JSON.parse(String(received)) as { instances: unknown[] };
      response.setHeader('Content-Type', 'application/json');
      response.end(`{"predictions": [${instances.map((_, i) => `${i}.0`).join(', ')}]}`);
    };
    const routes = ['pass', 'refuse'].map((uncertain) => ({
      match: { path: `/${uncertain}` },
      adapter: 'tf-serving',
      mode: 'enforce',
      tenant: 'sure',
      batch: 'filter',
      uncertain,
    }));
    const { url } = await startGate(t, upstream.url, { routes });
    const filtered = async (path: string, ...words: string[]) => {
      const answer = await send(url, path, ...words);
      return [answer.status, answer.header('x-clipn-verdict'), answer.header('x-clipn-filtered')];
    };
    assert.deepEqual(await filtered('/pass', 'ID', 'UNSURE'), [200, 'uncertain', undefined]);
    assert.deepEqual(await filtered('/pass', 'OOD', 'UNSURE', 'ID'), [200, 'mixed', '0']);
    assert.deepEqual(await filtered('/refuse', 'ID', 'UNSURE'), [200, 'mixed', '1']);
    assert.deepEqual(await filtered('/refuse', 'UNSURE', 'UNSURE'), [422, 'uncertain', undefined]);
    assert.deepEqual(await filtered('/refuse', 'UNSURE', 'OOD'), [422, 'ood', undefined]);
  });

  it('the batch rules any, all and filter decide as documented', async (t) => {
    const upstream = await recordingUpstream(t);
    upstream.answer = (_request, response, received) => {
      const { instances } = JSON.parse(String(received)) as { instances: unknown[] };
      response.setHeader('Content-Type', 'application/json');
      response.end(`{"predictions": [${instances.map((_, i) => `${i}.0`).join(', ')}]}`);
    };
    const routes = ['any', 'all', 'filter'].flatMap((batch) =>
      ['open', 'closed'].map((fail) => ({
        match: { path: `/${batch}/${fail}` },
        adapter: 'tf-serving',
        mode: 'enforce',
        batch,
        fail,
        placeholder: { error: 'ood' },
      })),
    );
    const { url } = await startGate(t, upstream.url, { routes });
    const table: [string, string[], number, unknown?][] = [
      ['/any/open', ['ID', 'OOD'], 422],
      ['/any/open', ['ID', 'BAD'], 200],
      ['/any/closed', ['ID', 'BAD'], 422],
      ['/all/open', ['ID', 'OOD'], 200],
      ['/all/open', ['OOD', 'OOD'], 422],
      ['/all/closed', ['OOD', 'BAD'], 422],
      ['/all/closed', ['ID', 'BAD'], 200],
      ['/filter/open', ['ID', 'ID'], 200, [0, 1]],
      ['/filter/open', ['OOD', 'ID', 'OOD', 'BAD'], 200, [{ error: 'ood' }, 0, { error: 'ood' }, 1]],
      ['/filter/open', ['OOD', 'OOD'], 422],
      ['/filter/closed', ['OOD', 'ID', 'DOWN'], 503],
    ];
    for (const [path, words, status, predictions] of table) {
      const answer = await send(url, path, ...words);
      assert.equal(answer.status, status, `${path} ${words}`);
      if (predictions)
        assert.deepEqual((JSON.parse(String(answer.body)) as { predictions: unknown }).predictions, predictions);
    }
    const filtered = await send(url, '/filter/open', 'OOD', 'ID');
    assert.equal(filtered.header('x-clipn-filtered'), '0');
    assert.equal(String(filtered.body), '{"predictions": [{"error":"ood"},0.0]}');
    assert.equal(String(upstream.requests.at(-1)?.body), String(body('ID')));
  });

  it('filter answers 502 if the answer does not match the removed rows, and relays errors of the upstream', async (t) => {
    const upstream = await recordingUpstream(t);
    const { url, events } = await startGate(t, upstream.url, {
      routes: [{ match: { path: '/p' }, adapter: 'tf-serving', mode: 'enforce', batch: 'filter' }],
    });
    assert.equal((await send(url, '/p', 'OOD', 'ID')).status, 502);
    assert.ok(events.some((e) => e.what === 'upstream' && e['reason'] === 'malformed'));
    upstream.answer = (_request, response) => void response.writeHead(400).end('no');
    const answer = await send(url, '/p', 'OOD', 'ID');
    assert.deepEqual([answer.status, String(answer.body)], [400, 'no']);
  });
});

describe('verdict and forwarding at once', () => {
  it('in parallel mode the answer waits for the verdict, and is not sent if the image is refused', async (t) => {
    const upstream = await recordingUpstream(t);
    const { url, engine } = await startGate(t, upstream.url, {
      routes: [{ match: { path: '/p' }, adapter: 'raw', mode: 'enforce', parallel: true, fail: 'closed' }],
    });
    let open: () => void = () => {};
    engine.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const post = (word: string) => ask(url, { path: '/p', headers: [['Content-Length', '44']], body: image(word) });
    let answered = false;
    const answer = post('ID').finally(() => {
      answered = true;
    });
    await until('the upstream has it all', 10_000, () => upstream.requests[0]?.complete === true);
    assert.equal(answered, false);
    open();
    assert.equal((await answer).status, 200);
    assert.ok(upstream.requests[0]?.body.equals(image('ID')));
    engine.gate = Promise.resolve();
    for (const [word, status] of [
      ['OOD', 422],
      ['DOWN', 503],
      ['BAD', 422],
    ] as const)
      assert.equal((await post(word)).status, status);
    assert.equal((await post('ID')).header('x-clipn-verdict'), 'id');
  });
});
