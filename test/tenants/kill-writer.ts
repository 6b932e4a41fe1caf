/**
 * Writes tenants as fast as it can until it is killed: `node --import tsx kill-writer.ts DIR STORE ROUND`. Each change is said on standard
 * output before it begins and after it is acknowledged: [worker, "begin" or "done", id, version, classes or null].
 */
import { openRegistry } from './kill-registry.ts';

const [dataDir = '', store = '', round = ''] = process.argv.slice(2);
const say = (...line: unknown[]) => process.stdout.write(`${JSON.stringify(line)}\n`);

const { registry } = await openRegistry(dataDir, store);
await registry.start();
say('ready');

async function work(worker: number): Promise<void> {
  for (let i = 0; ; i++) {
    // each worker has tenants of its own, so that what a tenant should be follows from its own lines
    const id = `t${worker}-${i % 3}`;
    if (i % 7 === 6) {
      say(worker, 'begin', id, 0, null);
      const there = await registry.delete(id).then(
        () => true,
        () => false,
      );
      if (there) say(worker, 'done', id, 0, null);
      continue;
    }
    const classes = Array.from({ length: 1 + (i % 5) }, (_, c) => `class ${(i * 7 + c * 3) % 40}`);
    classes.push(`round ${round} worker ${worker} change ${i}`);
    say(worker, 'begin', id, 0, classes);
    const { view } = await registry.put(id, { classes }, { waitMs: 60_000 });
    say(worker, view.state === 'ready' ? 'done' : 'stored', id, view.record.version, classes);
  }
}

await Promise.all([0, 1, 2, 3].map(work));
