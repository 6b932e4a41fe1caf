/** The thread that reads the bodies of requests that are long or hard to read. */
import { parentPort } from 'node:worker_threads';
import { NICENESS, setNiceness } from '../../../niceness.ts';
import { ExtractionError } from '../../adapters/types.ts';
import { readRequest } from '../index.ts';
import { Interrupted } from '../reading.ts';
import { packed } from './findings.ts';
import type { FromReader, ToReader } from './protocol.ts';

const port = parentPort as NonNullable<typeof parentPort>;
const readings = new Map<number, AbortController>();

setNiceness(NICENESS.readings);

const post = (message: FromReader, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

async function read({ id, message, options }: Extract<ToReader, { kind: 'read' }>): Promise<void> {
  const controller = new AbortController();
  readings.set(id, controller);
  const body = Buffer.from(message.body.buffer);
  try {
    const found = await readRequest({ ...message, body }, options, { signal: controller.signal });
    const [findings, transfer] = packed(found, body);
    post({ kind: 'read', id, ...findings }, transfer);
  } catch (error) {
    if (error instanceof Interrupted) post({ kind: 'dropped', id });
    else if (error instanceof ExtractionError)
      post({ kind: 'refused', id, failure: error.failure, detail: error.message });
    else post({ kind: 'failed', id, name: (error as Error).name });
  } finally {
    readings.delete(id);
  }
}

port.on('message', (message: ToReader) => {
  if (message.kind === 'read') void read(message);
  else readings.get(message.id)?.abort();
});
