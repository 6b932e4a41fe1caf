/** The comparison for the gate: a plain @fastify/http-proxy in front of the same upstream. */
import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';

const app = Fastify();
await app.register(proxy, { upstream: String(process.argv[2]) });
await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.((app.server.address() as { port: number }).port);
process.on('disconnect', () => process.exit());
