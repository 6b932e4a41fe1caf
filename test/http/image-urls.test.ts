import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { isIPv6 } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { s3Of } from '../../src/config/s3.ts';
import { fetchImage } from '../../src/http/remote/fetch.ts';
import { isPublicAddress } from '../../src/outgoing/addresses.ts';
import { AllowList } from '../../src/outgoing/allow-list.ts';
import type { Resolve } from '../../src/outgoing/send.ts';
import { testApp } from '../helpers/app.ts';
import { until } from '../helpers/service.ts';

const PHOTO = Buffer.from('PHOTO');
const sum = createHash('sha256').update(PHOTO).digest('hex');

/** A real server on loopback that counts connections and keeps the headers of requests. */
async function store(t: TestContext, answer: RequestListener = (_request, response) => response.end(PHOTO)) {
  const seen: { url: string; headers: IncomingHttpHeaders }[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    seen.push({ url: request.url as string, headers: request.headers });
    answer(request, response);
  }).on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { port, url: `http://127.0.0.1:${port}`, seen, connections: () => connections, server };
}

const resolvesTo =
  (...addresses: string[]): Resolve =>
  (_name, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 })),
    );

function fetching(
  setting: string,
  more: { resolve?: Resolve; env?: NodeJS.ProcessEnv; maxBytes?: number; timeoutMs?: number } = {},
) {
  const { env = {}, maxBytes = 1000, timeoutMs = 5000, ...rest } = more;
  const options = {
    list: new AllowList(setting),
    s3: s3Of(env),
    maxBytes,
    timeoutMs,
    signal: new AbortController().signal,
    ...rest,
  };
  return (address: string) => fetchImage(address, options);
}

const REFUSED = { code: 'image_url_refused' };
const NOT_FETCHED = { code: 'image_not_fetched' };

describe('images by url', () => {
  it('are refused without CLIPN_IMAGE_URLS, and data and url exclude each other', async (t) => {
    const { url, connections } = await store(t);
    const { app } = await testApp(t);
    const ask = (images: object[]) => app.inject({ method: 'POST', url: '/v1/detect', payload: { images } });
    const off = await ask([{ url }]);
    assert.deepEqual([off.statusCode, off.json().code], [403, 'image_url_refused']);
    for (const image of [{}, { url, data: 'aaaa' }]) {
      const reply = await ask([image]);
      assert.deepEqual([reply.statusCode, reply.json().code], [400, 'invalid_request']);
      assert.match(reply.json().detail, /images\[0\] needs either "data" or "url"/);
    }
    assert.equal(connections(), 0);
  });

  it('are fetched from a host that is named, and one that fails does so alone', async (t) => {
    const { url, seen } = await store(t, (request, response) => {
      response.statusCode = request.url === '/none' ? 404 : 200;
      response.end(PHOTO);
    });
    const { app } = await testApp(t, { imageUrls: url });
    const images = [
      { id: 'a', url: `${url}/a.png?x=1#part` },
      { url: `${url}/none` },
      { url: 'https://elsewhere.example/' },
    ];
    const headers = {
      authorization: 'Bearer secret',
      cookie: 'a=b',
      'x-api-key': 'secret',
      'x-forwarded-for': '1.2.3.4',
    };
    const reply = await app.inject({ method: 'POST', url: '/v1/detect', payload: { images }, headers });
    const [good, ...bad] = reply.json().results;
    assert.deepEqual([good.id, good.image.sha256], ['a', sum]);
    assert.deepEqual(
      bad.map((r: { error: { code: string } }) => r.error.code),
      ['image_not_fetched', 'image_url_refused'],
    );
    assert.deepEqual(seen.map((request) => request.url).sort(), ['/a.png?x=1', '/none']);
    for (const request of seen) {
      assert.deepEqual(Object.keys(request.headers).sort(), [
        'accept',
        'accept-encoding',
        'connection',
        'host',
        'user-agent',
      ]);
      assert.ok(!JSON.stringify(request.headers).includes('secret'));
    }
  });

  it('no private address is connected to unless the list names it, in whatever form it is written', async (t) => {
    const { port, connections } = await store(t);
    const get = fetching(`http://localhost:${port}, http://*.example:${port}, http://127.0.0.1`);
    const hosts = [
      '127.0.0.1',
      'localhost',
      '2130706433',
      '0x7f.1',
      '017700000001',
      '0',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::]',
    ];
    for (const host of hosts) await assert.rejects(get(`http://${host}:${port}/`), REFUSED, host);
    const private_ = [
      '127.0.0.1',
      '10.0.0.1',
      '169.254.169.254',
      '0.0.0.0',
      '100.64.0.1',
      '192.168.1.1',
      '::1',
      'fe80::1',
      'fc00::1',
    ];
    const embedded = [
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '64:ff9b::7f00:1',
      '64:ff9b::10.0.0.1',
      '64:ff9b:1::1',
      '2002:7f00:1::',
      '::127.0.0.1',
    ];
    for (const address of [...private_, ...embedded]) {
      const rebound = fetching(`http://*.example:${port}`, { resolve: resolvesTo(address) });
      await assert.rejects(rebound(`http://a.example:${port}/`), REFUSED, address);
      const mixed = fetching(`http://*.example:${port}`, { resolve: resolvesTo('93.184.216.34', address) });
      await assert.rejects(mixed(`http://a.example:${port}/`), REFUSED, address);
    }
    assert.equal(connections(), 0);
    const named = fetching(`http://a.example:${port}, 127.0.0.1:${port}`, { resolve: resolvesTo('127.0.0.1') });
    assert.deepEqual(await named(`http://a.example:${port}/`), PHOTO);
    assert.equal(connections(), 1);
  });

  it('a name that resolves to another address the second time is checked again', async (t) => {
    const { port, connections } = await store(t, (_request, response) => {
      response.writeHead(302, { location: `http://a.example:${port}/again` }).end();
    });
    let lookups = 0;
    const resolve: Resolve = (name, done) => resolvesTo(lookups++ === 0 ? '127.0.0.1' : '169.254.169.254')(name, done);
    const get = fetching(`http://a.example:${port}, 127.0.0.1:${port}`, { resolve });
    await assert.rejects(get(`http://a.example:${port}/`), REFUSED);
    assert.deepEqual([lookups, connections()], [2, 1]);
  });

  it('redirects are bounded, and each address must be on the list', async (t) => {
    const { url, port } = await store(t, (request, response) => {
      const [, kind, left] = (request.url as string).split('/');
      const to: Record<string, string> = {
        hops: `/${Number(left) > 1 ? `hops/${Number(left) - 1}` : 'end'}`,
        elsewhere: 'http://elsewhere.example/',
        file: 'file:///etc/passwd',
        password: `http://user:secret@127.0.0.1:${port}/`,
        port: 'http://127.0.0.1:1/',
      };
      const location = to[kind as string];
      if (location === undefined) response.end(PHOTO);
      else response.writeHead(302, { location }).end('not this');
    });
    const get = fetching(url);
    assert.deepEqual(await get(`${url}/hops/3`), PHOTO);
    await assert.rejects(get(`${url}/hops/4`), NOT_FETCHED);
    for (const path of ['elsewhere', 'file', 'password', 'port'])
      await assert.rejects(get(`${url}/${path}`), REFUSED, path);
  });

  it('schemes, ports and hosts must be those of the list', async () => {
    const list = new AllowList('images.example, *.cdn.example:8443, http://plain.example, s3://bucket');
    const permitted = [
      'https://images.example/a',
      'https://IMAGES.example.:443/',
      'https://a.b.cdn.example:8443/',
      'http://plain.example/',
    ];
    const not = [
      'http://images.example/',
      'https://images.example:8443/',
      'https://images.example.evil.example/',
      'https://cdn.example:8443/',
      'https://evilcdn.example:8443/',
      'https://plain.example/',
      'https://bucket/',
    ];
    for (const address of permitted) assert.ok(list.permitsUrl(new URL(address)), address);
    for (const address of not) assert.ok(!list.permitsUrl(new URL(address)), address);
    assert.deepEqual([list.permitsBucket('bucket'), list.permitsBucket('other')], [true, false]);
    const get = fetching('images.example');
    for (const address of ['ftp://images.example/', 'data:,x', 'nonsense', 'https://a:b@images.example/']) {
      await assert.rejects(get(address), REFUSED, address);
    }
  });

  it('a fetch is bounded in bytes and time, and takes nothing that is incomplete or coded', async (t) => {
    const { url, server } = await store(t, (request, response) => {
      if (request.url === '/announced') response.writeHead(200, { 'content-length': 10_000_000 }).write('x');
      else if (request.url === '/endless') {
        const more = () => response.write(Buffer.alloc(10_000), (error) => error || setImmediate(more));
        more();
      } else if (request.url === '/short') {
        response.writeHead(200, { 'content-length': 100 }).write('x', () => response.destroy());
      } else if (request.url === '/coded') response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
      // /silent is never answered
    });
    const get = fetching(url, { timeoutMs: 300 });
    await assert.rejects(get(`${url}/announced`), { code: 'payload_too_large' });
    await assert.rejects(get(`${url}/endless`), { code: 'payload_too_large' });
    for (const path of ['short', 'coded', 'silent']) await assert.rejects(get(`${url}/${path}`), NOT_FETCHED, path);
    await assert.rejects(fetching('https://no-such-host.invalid')('https://no-such-host.invalid/'), NOT_FETCHED);
    const open = () => new Promise<number>((resolve) => server.getConnections((_error, n) => resolve(n)));
    await until('every connection is closed', 5000, async () => (await open()) === 0);
  });

  it('the bytes of all images of a request are bounded together', async (t) => {
    const { url } = await store(t, (_request, response) => response.end(Buffer.alloc(9000, 1)));
    const { app } = await testApp(t, { imageUrls: url });
    const images = Array.from({ length: 4 }, (_, i) => ({ url: `${url}/${i}` }));
    const reply = await app.inject({ method: 'POST', url: '/v1/detect', payload: { images } });
    const codes = reply.json().results.map((r: { error?: { code: string } }) => r.error?.code);
    assert.deepEqual(codes.filter((code: string | undefined) => code === 'payload_too_large').length, 1);
  });

  it('objects are read from a listed bucket, signed where there are credentials', async (t) => {
    const { url, seen } = await store(t);
    const env = { AWS_ENDPOINT_URL_S3: url, AWS_REGION: 'eu-central-1' };
    const keys = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'token' };
    assert.deepEqual(await fetching('s3://photos', { env })('s3://photos/a b/ü+1.jpg'), PHOTO);
    assert.deepEqual(await fetching('s3://photos', { env: { ...env, ...keys } })('s3://photos/c.jpg'), PHOTO);
    assert.deepEqual(
      seen.map((request) => request.url),
      ['/photos/a%20b/%C3%BC%2B1.jpg', '/photos/c.jpg'],
    );
    assert.equal(seen[0]?.headers.authorization, undefined);
    assert.match(
      String(seen[1]?.headers.authorization),
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/s3\/aws4_request, /,
    );
    assert.equal(seen[1]?.headers['x-amz-security-token'], 'token');
    for (const address of ['s3://other/a', 's3://photos', 's3://photos/', 's3:///a']) {
      await assert.rejects(fetching('s3://photos', { env })(address), REFUSED, address);
    }
    await assert.rejects(fetching(url, { env })('s3://photos/a'), REFUSED);
  });

  it('a redirect of an object store is not followed', async (t) => {
    const { url, seen } = await store(t, (_request, response) => response.writeHead(301, { location: '/x' }).end());
    await assert.rejects(fetching('s3://photos', { env: { AWS_ENDPOINT_URL_S3: url } })('s3://photos/a'), NOT_FETCHED);
    assert.equal(seen.length, 1);
  });
});

describe('public addresses', () => {
  it('are those outside the special ranges', () => {
    for (const address of [
      '93.184.216.34',
      '8.8.8.8',
      '2606:2800:220:1:248:1893:25c8:1946',
      '64:ff9b::8.8.8.8',
      '::ffff:8.8.8.8',
    ]) {
      assert.ok(isPublicAddress(address), address);
    }
    for (const address of [
      '',
      'name',
      '224.0.0.1',
      '255.255.255.255',
      '192.0.2.1',
      '198.18.0.1',
      '2001:db8::1',
      'ff02::1',
      '3fff::1',
    ]) {
      assert.ok(!isPublicAddress(address), address);
    }
  });

  it('an IPv4 address is judged alike by itself and inside IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number];
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        for (const inside of [`::ffff:${address}`, `::ffff:${hex}`, `64:ff9b::${address}`, `64:ff9b::${hex}`]) {
          assert.equal(isPublicAddress(inside), isPublicAddress(address), inside);
        }
      }),
    );
  });
});
