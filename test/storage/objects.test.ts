import assert from 'node:assert/strict';
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DirectoryObjects } from '../../src/storage/objects/directory.ts';
import type { ObjectStore } from '../../src/storage/objects/object-store.ts';
import { S3Objects } from '../../src/storage/objects/s3.ts';
import { freePort } from '../helpers/free-port.ts';
import { localS3, withoutMoto } from '../helpers/moto.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

async function keys(store: ObjectStore, tenant?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key, modified } of store.list(tenant)) {
    assert.ok(Math.abs(Date.now() - modified) < 60_000);
    found.push(key);
  }
  return found.sort();
}

function contract(open: (t: TestContext) => Promise<ObjectStore>) {
  it('gives back the bytes that were stored, lists them by tenant, and removes them', async (t) => {
    const store = await open(t);
    assert.deepEqual(await keys(store), []);
    const bytes = Buffer.from([0, 255, 13, 10, 128]);
    await store.put('zoo/a', bytes);
    await store.put('zoo/a', bytes);
    await store.put('zoo-2/b', Buffer.from('b'));
    assert.deepEqual(await store.get('zoo/a'), bytes);
    assert.equal(await store.get('zoo/unknown'), undefined);
    assert.deepEqual(await keys(store), ['zoo-2/b', 'zoo/a']);
    assert.deepEqual(await keys(store, 'zoo'), ['zoo/a']);
    await store.remove('zoo/a');
    await store.remove('zoo/unknown');
    assert.deepEqual(await keys(store), ['zoo-2/b']);
  });
}

describe('objects in a directory', () => {
  contract(async (t) => new DirectoryObjects(join(await temporaryDirectory(t), 'objects')));

  it('a temporary file of a process that was killed is never listed, and is removed when it is old', async (t) => {
    const dir = await temporaryDirectory(t);
    const store = new DirectoryObjects(dir);
    await store.put('zoo/a', Buffer.from('a'));
    const [old, young] = ['.b.0123456789ab.tmp', '.c.0123456789ab.tmp'].map((name) => join(dir, 'zoo', name));
    for (const file of [old, young]) writeFileSync(file as string, 'part');
    const hourAgo = Date.now() / 1000 - 3600;
    utimesSync(old as string, hourAgo, hourAgo);
    assert.deepEqual(await keys(store), ['zoo/a']);
    assert.deepEqual([existsSync(old as string), existsSync(young as string)], [false, true]);
  });

  it('only the owner may look into the folder of a tenant', async (t) => {
    const dir = await temporaryDirectory(t);
    await new DirectoryObjects(join(dir, 'objects')).put('zoo/a', Buffer.from('a'));
    const { statSync } = await import('node:fs');
    assert.equal(statSync(join(dir, 'objects', 'zoo')).mode & 0o077, 0);
    assert.deepEqual(readdirSync(join(dir, 'objects', 'zoo')), ['a']);
  });
});

describe('objects in S3', { skip: withoutMoto }, () => {
  contract(async (t) => {
    const { endpoint, bucket, credentials } = await localS3(t);
    return new S3Objects({
      bucket,
      prefix: 'some/prefix/',
      region: 'us-east-1',
      base: `${endpoint}${bucket}/`,
      credentials,
    });
  });

  it('lists more objects than one answer of the server holds', async (t) => {
    const { endpoint, bucket, credentials } = await localS3(t);
    const store = new S3Objects({
      bucket,
      prefix: '',
      region: 'us-east-1',
      base: `${endpoint}${bucket}/`,
      credentials,
    });
    const names = Array.from({ length: 1001 }, (_, i) => `zoo/${String(i).padStart(4, '0')}`);
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(names.slice(at, at + 50).map((name) => store.put(name, Buffer.from(name))));
    assert.deepEqual(await keys(store, 'zoo'), names);
  });
});

describe('an S3 server that fails', () => {
  const options = {
    bucket: 'pictures',
    prefix: '',
    region: 'eu-central-1',
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    timeoutMs: 2000,
  };

  it('rejects with the status and the code of the answer, after tries again', async (t) => {
    let asked = 0;
    const server = createServer((request, response) => {
      asked++;
      request.resume().on('end', () => response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const store = new S3Objects({ ...options, base: `http://127.0.0.1:${port}/pictures/` });
    await assert.rejects(store.put('zoo/a', Buffer.from('a')), /answered 503 SlowDown/);
    assert.equal(asked, 3);
  });

  it('rejects when there is no server, or none that answers in time', async (t) => {
    const gone = new S3Objects({ ...options, base: `http://127.0.0.1:${await freePort()}/pictures/` });
    await assert.rejects(gone.put('zoo/a', Buffer.from('a')), /no answer from the object store: ECONNREFUSED/);
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as { port: number };
    const silent = new S3Objects({ ...options, timeoutMs: 50, base: `http://127.0.0.1:${port}/pictures/` });
    await assert.rejects(silent.get('zoo/a'), /no answer from the object store/);
  });
});
