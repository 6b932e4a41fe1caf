/**
 * `npm run bench -- one-image`: milliseconds of one image with a thread for each core through the image graphs of the default in every precision of a
 * CPU, beside those of `clipn-tiny` in fp32, the default before it. --other names a further bundle, such as an earlier version.
 */
import { join } from 'node:path';
import { loadBundle } from '../../src/bundle/load.ts';
import { usableCores } from '../../src/engine/index.ts';
import { CPU } from '../../src/engine/shared/devices.ts';
import { type ImageSession, openImageSession } from '../../src/engine/shared/sessions.ts';
import { ROOT } from '../helpers/paths.ts';
import type { Bench } from './main.ts';
import { fixed, median, table } from './report.ts';

const TINY = join(ROOT, 'test/fixtures/clipn-tiny');
const TURNS = 5;
const IMAGES = 40;
const WARM = 10;

interface Graph {
  name: string;
  session: ImageSession;
  size: number;
  /** Median milliseconds of an image in each turn. */
  turns: number[];
}

/** The image graphs of a bundle in the precisions that run on a CPU. @param spin whether threads spin while they wait, as in a run on all cores */
async function graphsOf(dir: string, threads: number, spin: boolean): Promise<Graph[]> {
  const { manifest } = await loadBundle(dir, { checksums: false });
  const precisions = ['fp32', ...(manifest.precisions?.int8?.graphs.includes('image') ? ['int8'] : [])] as const;
  return Promise.all(
    precisions.map(async (precision) => {
      const bundle = await loadBundle(dir, { checksums: false, precision: precision as 'fp32' | 'int8' });
      const session = await openImageSession(bundle, threads, CPU, spin);
      return {
        name: `${manifest.name} ${manifest.version} ${precision}`,
        session,
        size: manifest.image.size,
        turns: [],
      };
    }),
  );
}

async function turn({ session, size }: Graph): Promise<number> {
  const pixels = new Uint8Array(size * size * 3).map((_, i) => (i * 97) % 251);
  for (let i = 0; i < WARM; i++) await session.run(pixels, 1);
  const times: number[] = [];
  for (let i = 0; i < IMAGES; i++) {
    const began = performance.now();
    await session.run(pixels, 1);
    times.push(performance.now() - began);
  }
  return median(times);
}

export const oneImage: Bench = async ({ bundle, other, count = TURNS }) => {
  const threads = usableCores();
  const results: Record<string, Record<string, number[]>> = {};
  for (const spin of [false, true]) {
    const dirs = [TINY, bundle, ...(other === undefined ? [] : [other])];
    const graphs = (await Promise.all(dirs.map((dir) => graphsOf(dir, threads, spin)))).flat();
    // side by side: a machine that grows busier favours none
    for (let i = 0; i < count; i++) for (const graph of graphs) graph.turns.push(await turn(graph));
    const [tiny] = graphs as [Graph];
    const rows = graphs.map(({ name, turns }) => {
      const ratios = turns.map((ms, i) => ms / (tiny.turns[i] as number));
      const all = ratios.map((ratio) => fixed(ratio, 2)).join(' ');
      return [name, fixed(median(turns), 2), fixed(median(ratios), 2), all];
    });
    console.log(
      `${spin ? '\n' : ''}${threads} threads that ${spin ? 'spin for 0.1 ms, as those of a run on all cores' : 'sleep'}:`,
    );
    table(['one image', 'ms', `times ${tiny.name}`, 'by turn'], rows);
    results[spin ? 'spin' : 'sleep'] = Object.fromEntries(graphs.map(({ name, turns }) => [name, turns]));
  }
  return { threads, images: IMAGES, ...results };
};
