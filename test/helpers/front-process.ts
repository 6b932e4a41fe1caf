/** The HTTP application in a process of its own, with the limits of the default settings and no engine: for what its memory is measured. */
import type { AddressInfo } from 'node:net';
import { testApp } from './app.ts';

const MiB = 2 ** 20;
const { app } = await testApp({ after: () => {} } as never, {
  maxImages: 64,
  maxImageBytes: 20 * MiB,
  maxBodyBytes: 64 * MiB,
  maxBodiesBytes: 256 * MiB,
  requestTimeoutMs: 10_000,
});
await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${(app.server.address() as AddressInfo).port}\n`);
