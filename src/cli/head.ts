import type { Bundle } from '../bundle/load.ts';
import type { Config } from '../config/index.ts';
import { defined } from '../defined.ts';
import type { Engine, Head } from '../engine/index.ts';
import { promptsOf, type TenantDefinition } from '../tenants/definition.ts';
import { type HeadRecipe, makeHead } from '../tenants/features.ts';
import { ALONE } from '../tenants/leases.ts';
import { MemoryFeatureCache } from '../tenants/memory-feature-cache.ts';
import { installedWordList, negativeWords } from '../tenants/negatives/open-words.ts';
import { negativesUnsupported } from '../tenants/negatives/settings.ts';
import { progress } from './progress.ts';

/** Makes the head of a definition for one run of a command. With negative labels all words are encoded first, because a command keeps no features. */
export async function headOf(
  engine: Engine,
  bundle: Bundle,
  definition: TenantDefinition,
  config: Config,
  signal?: AbortSignal,
): Promise<Head> {
  const { templates, embedding_dim: width } = bundle.manifest;
  const sources = { cache: new MemoryFeatureCache(width), builder: engine, width };
  const recipe: HeadRecipe = { classes: definition.classes, prompts: promptsOf(definition, templates) };
  const { negatives: settings } = definition;
  const options = defined({ signal });
  if (!settings) return makeHead(sources, recipe, options);
  const words = negativeWords({
    list: await installedWordList(config.words),
    bundle: { id: bundle.textId, templates },
    sources,
    leases: ALONE,
  });
  if (!words) throw negativesUnsupported();
  const bar = progress(words.features.total, 'texts');
  try {
    let before = 0;
    await words.features.prepare({
      ...options,
      onProgress: (done) => {
        for (; before < done; before++) bar.tick();
      },
    });
    bar.end();
    return await makeHead(sources, { ...recipe, negatives: { settings, words } }, options);
  } finally {
    await words.miner.stop();
  }
}
