// Loaded into every process and thread of the service by NODE_OPTIONS. Once a second each of them writes V8's figures of its memory to a file of its own
// in the folder MEMORY_PARTS.
import { renameSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

const folder = process.env.MEMORY_PARTS;
if (folder) {
  const file = `${folder}/${process.pid}-${threadId}.json`;
  setInterval(() => {
    const { heapUsed, heapTotal, external } = process.memoryUsage();
    writeFileSync(`${file}.part`, JSON.stringify({ heapUsed, heapTotal, external }));
    renameSync(`${file}.part`, file);
  }, 1000).unref();
}
