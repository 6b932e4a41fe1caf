/**
 * The HTTP application and a gate in a process of its own, with the limits of the default settings and no engine, so that its memory can be
 * measured. Prints the port of each.
 */
import type { AddressInfo } from 'node:net';
import { relaxHeap } from '../../src/cli/serve/heap.ts';
import { testApp } from './app.ts';
import { recordingUpstream, startGate } from './gate.ts';

const MiB = 2 ** 20;
// as the service does where no container limits its memory: the heap grows furthest there
relaxHeap(0);
const { app } = await testApp({ after: () => {} } as never, {
  maxImages: 64,
  maxImageBytes: 20 * MiB,
  maxBodyBytes: 64 * MiB,
  maxBodiesBytes: 256 * MiB,
  requestTimeoutMs: 10_000,
});
await app.listen({ port: 0, host: '127.0.0.1' });
const never = { after: () => {} } as never;
const upstream = await recordingUpstream(never);
const gate = await startGate(never, upstream.url, { routes: [{ match: { path: '/**' }, mode: 'enforce' }] });
process.stdout.write(`${(app.server.address() as AddressInfo).port} ${gate.port}\n`);
