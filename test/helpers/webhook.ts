import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface ReceivedBatch {
  headers: IncomingHttpHeaders;
  path: string;
  body: string;
  /** Empty where the body is no JSON. */
  events: { id: string; type: string; source: string; subject: string; data: Record<string, unknown> }[];
}

/** Key of the tests, in the form of a file of `CLIPN_EVENT_SECRETS_DIR`. */
export const KEY = Buffer.from('0123456789abcdef0123456789abcdef');
export const SECRET = `whsec_${KEY.toString('base64')}`;

/** A real receiver on loopback. `answer` is called when a request is complete; by default it answers 204. */
export async function webhook(
  t: Pick<TestContext, 'after'>,
  answer: (response: ServerResponse, times: number) => void = (response) => response.writeHead(204).end(),
  port = 0,
) {
  const batches: ReceivedBatch[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    batches.push({ headers: request.headers, path: request.url as string, body, events: JSON.parse(body) });
    answer(response, batches.length);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  t.after(stop);
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    batches,
    stop,
    events: () => batches.flatMap(({ events }) => events),
  };
}

/** The signature that Standard Webhooks prescribes, written down once more. */
export function expectedSignature({ headers, body }: ReceivedBatch, key = KEY): string {
  const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}
