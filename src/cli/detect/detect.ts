import { readFile } from 'node:fs/promises';
import { decisionOf, type Method } from '../../clipn/index.ts';
import type { Config } from '../../config/index.ts';
import { type Detection, Engine } from '../../engine/index.ts';
import { ServiceError, toProblem } from '../../errors/index.ts';
import { engineOptions } from '../../serving/engine-options.ts';
import { openBundle } from '../../serving/open-bundle.ts';
import { openStore } from '../../serving/open-store.ts';
import { Semaphore } from '../../storage/semaphore.ts';
import { checkDefinition, promptsOf, type TenantDefinition } from '../../tenants/definition.ts';
import { NO_CACHE } from '../../tenants/feature-cache.ts';
import { makeHead } from '../../tenants/features.ts';
import { isRecord } from '../../tenants/record.ts';
import { progress, table } from '../table.ts';
import { warnOfTexts } from '../text-warnings.ts';
import { expandFiles } from './files.ts';

export interface DetectArguments {
  files: string[];
  classes?: string;
  tenant?: string;
  method?: Method;
  json?: boolean;
  top: number;
}

async function definitionOf(args: DetectArguments, config: Config): Promise<TenantDefinition> {
  if (args.classes !== undefined) {
    const classes = args.classes
      .split(',')
      .map((c) => c.trim())
      .filter((c) => c !== '');
    if (classes.length === 0) throw new ServiceError('invalid_request', 'Name at least one class: --classes cat,dog');
    const definition = { classes };
    checkDefinition(definition, config);
    return definition;
  }
  const tenant = args.tenant ?? 'demo';
  const { store, close } = await openStore(config, { onProblem: () => {} });
  const record = await store.get(tenant).finally(close);
  if (!record || !isRecord(record)) {
    const where = config.store === 'directory' ? config.dataDir : 'the database';
    throw new ServiceError(
      'tenant_not_found',
      `There is no tenant "${tenant}" in ${where}; name classes with --classes a,b,c.`,
    );
  }
  return record.definition;
}

/** `clipn-gate detect`: verdicts for files and folders without a server. Returns the exit status: 1 when any image had none. */
export async function detectFiles(args: DetectArguments, config: Config): Promise<number> {
  const { bundle, devices } = await openBundle(config);
  const definition = await definitionOf(args, config);
  const method = args.method ?? definition.method ?? config.method;
  await warnOfTexts(bundle, definition);
  const files = await expandFiles(args.files);
  if (files.length === 0) throw new ServiceError('no_image', 'There are no image files in what was named.');

  const engine = new Engine({
    ...engineOptions(config, bundle, devices),
    observer: {
      log: (level, message, details) =>
        level !== 'info' && process.stderr.write(`${message} ${JSON.stringify(details)}\n`),
    },
  });
  try {
    await engine.start();
    const head = await makeHead(
      { cache: NO_CACHE, builder: engine, width: bundle.manifest.embedding_dim },
      { classes: definition.classes, prompts: promptsOf(definition, bundle.manifest.templates) },
    );
    await engine.putHead('cli', head);

    const bar = progress(files.length, 'images');
    const slots = new Semaphore(2 * config.maxBatch);
    const outcomes = await Promise.all(
      files.map((file) =>
        slots.use(async () => {
          try {
            const bytes = await readFile(file).catch((cause) => {
              throw new ServiceError('invalid_request', `${file} can't be read: ${(cause as Error).message}`, {
                cause,
              });
            });
            return { file, detection: await engine.detect({ bytes, headId: 'cli', tenant: 'cli', topK: args.top }) };
          } catch (error) {
            if (!(error instanceof ServiceError)) throw error;
            return { file, error };
          } finally {
            bar.tick();
          }
        }),
      ),
    );
    bar.end();
    const decision = (d: Detection) => decisionOf(d.decisions, method);
    const name = (index: number) => head.classes[index] as string;
    if (args.json) {
      for (const o of outcomes) {
        const line =
          'error' in o
            ? { file: o.file, error: toProblem(o.error) }
            : {
                file: o.file,
                decision: decision(o.detection),
                method,
                prediction: {
                  class: name(o.detection.index),
                  index: o.detection.index,
                  probability: o.detection.probability,
                },
                no_probability: o.detection.noProbability,
                ood_probability: o.detection.oodProbability,
                decisions: o.detection.decisions,
                scores: o.detection.scores,
                top: o.detection.top.map((t) => ({
                  class: name(t.index),
                  index: t.index,
                  probability: t.probability,
                  no_probability: t.noProbability,
                })),
                image: o.detection.image,
              };
        process.stdout.write(`${JSON.stringify(line)}\n`);
      }
    } else {
      const rows = outcomes.map((o) =>
        'error' in o
          ? [o.file, 'error', o.error.message, '', '', '']
          : [
              o.file,
              decision(o.detection) === 'id' ? 'in' : 'OUT',
              name(o.detection.index),
              o.detection.probability.toFixed(3),
              o.detection.noProbability.toFixed(3),
              o.detection.oodProbability.toFixed(3),
            ],
      );
      process.stdout.write(
        `${table(['file', method, 'class', 'p', '"no"', 'none of these'], rows, new Set([3, 4, 5]))}\n`,
      );
    }
    return outcomes.some((o) => 'error' in o) ? 1 : 0;
  } finally {
    await engine.stop();
  }
}
