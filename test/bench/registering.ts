/**
 * `npm run bench -- registering`: seconds from the PUT of a tenant with 100 class names that the service has not seen, in the default templates, until its
 * features are ready. The names are nouns of the word list, drawn by --seed.
 */
import { loadWordList } from '../../src/words/index.ts';
import { putTenant, until } from '../helpers/service.ts';
import { Random } from './hostile/random.ts';
import type { Bench } from './main.ts';
import { withService } from './measure/target.ts';
import { fixed, median } from './report.ts';

const TENANTS = 5;
const CLASSES = 100;

function differentNouns(nouns: string[], count: number, seed: number): string[] {
  const random = new Random(seed);
  const drawn = new Set<string>();
  while (drawn.size < count) drawn.add(random.pick(nouns));
  return [...drawn];
}

/** Seconds until the features of a new tenant are ready. */
async function register(url: string, id: string, classes: string[]): Promise<number> {
  const began = performance.now();
  const reply = await putTenant(url, id, { classes });
  if (!reply.ok) throw new Error(`tenant ${id}: ${reply.status} ${await reply.text()}`);
  await reply.arrayBuffer();
  if (reply.status === 202)
    await until(`tenant ${id} is ready`, 600_000, async () => {
      const build = (await (await fetch(`${url}/v1/tenants/${id}/build`)).json()) as { state: string };
      return build.state === 'ready';
    });
  return (performance.now() - began) / 1000;
}

export const registering: Bench = async ({ bundle: dir, count = TENANTS, seed = 0 }) => {
  const { words, parts } = await loadWordList();
  const names = differentNouns(words.slice(parts.nouns.from, parts.nouns.to), count * CLASSES, seed);
  return withService({ dir }, async ({ url, bundle: { manifest } }) => {
    const seconds: number[] = [];
    for (let i = 0; i < count; i++)
      seconds.push(await register(url, `t${i}`, names.slice(i * CLASSES, (i + 1) * CLASSES)));
    const templates = manifest.templates.yes.length;
    console.log(
      `${manifest.name} ${manifest.version}: ${CLASSES} new names, default templates (${templates}), seconds until ready: median ${fixed(median(seconds), 2)}, all ${seconds.map((s) => fixed(s, 2)).join(' ')}`,
    );
    return { classes: CLASSES, templates, seconds };
  });
};
