import type { Bundle } from '../../bundle/load.ts';
import type { Config } from '../../config/index.ts';
import type { Engine, Head } from '../../engine/index.ts';
import { type Judge, SteadyDetector } from '../../evaluation/index.ts';
import { looksLikeOf } from '../../tenants/negatives/looks-like.ts';
import { installedWordList } from '../../tenants/negatives/open-words.ts';
import { headOf } from '../head.ts';
import { progress } from '../progress.ts';
import type { Task } from './prepare.ts';

const HEAD = 'eval';

/** Starts the engine, gives it the features of the classes, and returns it as the judge of an evaluation. */
export async function startJudge(
  engine: Engine,
  config: Config,
  { bundle, task, signal }: { bundle: Bundle; task: Task; signal: AbortSignal },
): Promise<Judge> {
  await engine.start();
  const { definition } = task;
  const head = definition.negatives
    ? await headOf(engine, bundle, definition, config, signal)
    : await plain(engine, task, signal);
  await engine.putHead(HEAD, head);
  const steady = new SteadyDetector(engine, config.engineStartTimeoutMs);
  const detect: Judge['detect'] = (request) => steady.detectWithRetries(request);
  const judge = { detect, headId: HEAD, concurrency: 2 * config.maxBatch };
  const words = definition.negatives && (await (await installedWordList(config.words))?.words());
  if (!words) return judge;
  const look = async (embedding: Float32Array) => looksLikeOf(await engine.look({ headId: HEAD, embedding }), words);
  return { ...judge, look };
}

/** A head without negative labels, both towers at once. */
async function plain(engine: Engine, { classes, prompts }: Task, signal: AbortSignal): Promise<Head> {
  const texts = progress(classes.length * (prompts.yes.length + prompts.no.length), 'texts');
  const build = (tower: 'yes' | 'no') => {
    let before = 0;
    return engine.build(
      { names: classes, templates: prompts[tower], tower },
      {
        signal,
        onProgress: (done) => {
          for (; before < done; before++) texts.tick();
        },
      },
    );
  };
  const [yes, no] = await Promise.all([build('yes'), build('no')]);
  texts.end();
  return { classes, yes, no };
}
