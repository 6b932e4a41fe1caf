import pLimit from 'p-limit';
import type { FreeRule } from '../../clipn/index.ts';
import type { Config } from '../../config/index.ts';
import { Engine } from '../../engine/index.ts';
import { ServiceError } from '../../errors/index.ts';
import { type DetectionJob, detectImages, type JudgedImage } from '../../serving/detect-images.ts';
import { engineOptions } from '../../serving/engine-options.ts';
import { openBundle } from '../../serving/open-bundle.ts';
import { requestedRule } from '../../tenants/calibration/rule.ts';
import type { TenantDefinition } from '../../tenants/definition.ts';
import { installedWordList } from '../../tenants/negatives/open-words.ts';
import { headOf } from '../head.ts';
import { tellLeftOut } from '../left-out.ts';
import { pathArguments } from '../path-arguments.ts';
import { progress } from '../progress.ts';
import { warnOfTexts } from '../text-warnings.ts';
import { definitionOf } from './definition.ts';
import { expandFiles, imageOf } from './files.ts';
import { jsonLines, verdictTable } from './output.ts';

export interface DetectArguments {
  files: string[];
  classes?: string;
  tenant?: string;
  method?: FreeRule;
  explain?: boolean;
  json?: boolean;
  top: number;
}

const HEAD = 'cli';

/** `clipn-gate detect`: verdicts for files and folders without a server. Returns 1 if any image had no verdict, or a file or folder could not be read. */
export async function detectFiles(args: DetectArguments, config: Config): Promise<number> {
  const { bundle, devices } = await openBundle(config);
  const { files, leftOut } = await expandFiles(pathArguments(args.files));
  tellLeftOut(leftOut);
  if (files.length === 0) throw new ServiceError('no_image', 'None of the given files and folders has an image.');

  const engine = new Engine({
    // a single image needs one lane, which then has all cores
    ...engineOptions(files.length === 1 ? { ...config, lanes: config.lanes || 1 } : config, bundle, devices),
    urgent: true,
    observer: {
      log: (level, message, details) =>
        level !== 'info' && process.stderr.write(`${message} ${JSON.stringify(details)}\n`),
    },
  });
  try {
    const started = engine.start();
    started.catch(() => {});
    const definition = withWords(await definitionOf(args, config), args);
    const standing = {
      method: definition.method ?? config.method,
      uncalibratedMethod: config.method,
      calibration: undefined,
      negatives: definition.negatives,
    };
    const method = requestedRule(standing, args.method);
    await warnOfTexts(bundle, definition);
    const making = headOf(engine, bundle, definition, config);
    const made = making.catch((error) => started.then(() => Promise.reject(error)));
    const [head] = await Promise.all([made, started]);
    await engine.putHead(HEAD, head);
    const { top: topK, explain } = args;
    const words = explain ? await (await installedWordList(config.words))?.words() : undefined;
    const job = { tenant: args.tenant ?? HEAD, serving: { headId: HEAD, words }, method, topK, explain };
    const judged = await judgeFiles(engine, files, { ...job, atOnce: 2 * config.maxBatch });
    const naming = { method, classes: head.classes };
    process.stdout.write(args.json ? jsonLines(judged, naming) : verdictTable(judged, naming));
    return leftOut.unreadable.length > 0 || judged.some((image) => 'error' in image) ? 1 : 0;
  } finally {
    await engine.stop();
  }
}

/** Words that refused images look like need negative labels; `--explain` adds those of the published settings. */
const withWords = (definition: TenantDefinition, { explain }: DetectArguments): TenantDefinition =>
  explain && !definition.negatives ? { ...definition, negatives: {} } : definition;

/** Judges every file as a job of its own; at most `atOnce` of them are in memory. */
async function judgeFiles(
  engine: Engine,
  files: string[],
  { atOnce, ...job }: Omit<DetectionJob, 'images'> & { atOnce: number },
): Promise<JudgedImage[]> {
  const bar = progress(files.length, 'images');
  const limited = pLimit(atOnce);
  const judged = await Promise.all(
    files.map((file) =>
      limited(async () => {
        const [image] = await detectImages(engine, { ...job, images: [await imageOf(file)] });
        bar.tick();
        return image as JudgedImage;
      }),
    ),
  );
  bar.end();
  return judged;
}
