/**
 * Writes tenants as fast as it can until it is killed: `node --import tsx kill-writer.ts DIR STORE ROUND`. Each change is said on standard
 * output before it begins and after it is acknowledged: [worker, "begin" or "done", id, version, classes or null].
 */
import { calibrate } from '../../src/tenants/calibration/revise.ts';
import { MARK, markOf, openRegistry } from './kill-registry.ts';

const [dataDir = '', store = '', round = ''] = process.argv.slice(2);
const say = (...line: unknown[]) => process.stdout.write(`${JSON.stringify(line)}\n`);

const { registry } = await openRegistry(dataDir, store);
await registry.start();
say('ready');

/** Stores a calibration that is recognised by its first image; false if there is no such tenant. */
async function calibrated(worker: number, id: string, image: string): Promise<boolean> {
  let classes: string[];
  try {
    classes = [...(registry.get(id).record.definition.classes as string[]), `calibrated ${image.slice(0, 32)}`];
  } catch {
    return false;
  }
  const scores = { ctw: 0, atd: 0, msp: 0, max_logit: 0, energy: 0, mcm: 0 };
  const change = { choices: { keep: 0.5 }, images: [{ sha256: image, scores }] };
  say(worker, 'begin', id, 0, classes);
  const { view } = await calibrate(registry, id, change, { by: undefined, waitMs: 60_000 });
  say(worker, view.state === 'ready' ? 'done' : 'stored', id, view.record.version, classes);
  return true;
}

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
    if (i % 7 === 5 && (await calibrated(worker, id, `round ${round} change ${i}`))) continue;
    const classes = Array.from({ length: 1 + (i % 5) }, (_, c) => `class ${(i * 7 + c * 3) % 40}`);
    classes.push(`round ${round} worker ${worker} change ${i}`);
    // a calibration stays when the classes change
    classes.push(...markOf(registry, id));
    say(worker, 'begin', id, 0, classes);
    const { view } = await registry.put(
      id,
      { classes: classes.filter((name) => !MARK.test(name)) },
      { waitMs: 60_000 },
    );
    say(worker, view.state === 'ready' ? 'done' : 'stored', id, view.record.version, classes);
  }
}

await Promise.all([0, 1, 2, 3].map(work));
