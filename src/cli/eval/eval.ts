import { constants } from 'node:os';
import { join } from 'node:path';
import type { Bundle } from '../../bundle/load.ts';
import type { Config } from '../../config/index.ts';
import { Engine } from '../../engine/index.ts';
import {
  classesHash,
  classNames,
  countImages,
  evaluate,
  type ImageSet,
  type Judge,
  openSets,
  type Results,
  readTemplates,
  reportHtml,
  resultsOf,
  ScoreLog,
  SteadyDetector,
  thumbnails,
} from '../../evaluation/index.ts';
import { engineOptions } from '../../serving/engine-options.ts';
import { openBundle } from '../../serving/open-bundle.ts';
import { checkDefinition, type Prompts, promptsOf } from '../../tenants/definition.ts';
import { type ProgressBar, progress } from '../table.ts';
import { warnOfTexts } from '../text-warnings.ts';
import { describeResults, writeResults } from './output.ts';

export interface EvalArguments {
  id: string;
  ood: string[];
  classes?: string;
  templates?: string;
  templatesNo?: string;
  out?: string;
  json?: boolean;
}

const HEAD = 'eval';
const say = (line: string) => process.stderr.write(`${line}\n`);

/** What is compared with what, all faults of it found before any work begins. */
async function prepare(args: EvalArguments, config: Config, bundle: Bundle) {
  const sets = await openSets(args.id, args.ood);
  const folders = sets[0].folders as string[];
  const classes = await classNames(folders, args.classes);
  const definition = {
    classes,
    ...(args.templates === undefined ? {} : { templates: await readTemplates(args.templates) }),
    ...(args.templatesNo === undefined ? {} : { templates_no: await readTemplates(args.templatesNo) }),
  };
  checkDefinition(definition, config);
  const prompts = promptsOf(definition, bundle.manifest.templates);
  await warnOfTexts(bundle, definition);
  return { sets, folders, classes, prompts };
}

/** An engine that judges against the classes, started and fed when it is first needed. */
async function startJudge(
  engine: Engine,
  config: Config,
  { classes, prompts, signal }: { classes: string[]; prompts: Prompts; signal: AbortSignal },
): Promise<Judge> {
  await engine.start();
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
  await engine.putHead(HEAD, { classes, yes, no });
  const steady = new SteadyDetector(engine, config.engineStartTimeoutMs);
  return { detect: (request) => steady.detect(request), headId: HEAD, concurrency: 2 * config.maxBatch };
}

/** Aborts at the first Ctrl-C or SIGTERM, so that what is under way is written; the second one ends the process at once. */
function interruption(): { signal: AbortSignal; code(): number; forget(): void } {
  const controller = new AbortController();
  let received: 'SIGINT' | 'SIGTERM' = 'SIGINT';
  const stop = (signal: 'SIGINT' | 'SIGTERM') => {
    received = signal;
    forget();
    controller.abort();
  };
  const forget = () => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, code: () => 128 + constants.signals[received], forget };
}

async function openLog(dir: string, identity: Results['identity']): Promise<ScoreLog> {
  const { log, stored, restarted, damaged } = await ScoreLog.open(dir, identity);
  const file = join(dir, 'scores.jsonl');
  if (restarted !== undefined)
    say(`${file} cannot be continued: ${restarted}. Starting over; it is kept as scores.previous.jsonl.`);
  if (stored > 0) say(`Continuing after ${stored} images that were judged before.`);
  if (damaged > 0)
    say(`${damaged} ${damaged === 1 ? 'line' : 'lines'} of ${file} can't be read; those images are judged again.`);
  return log;
}

/**
 * `clipn-gate eval`: what the bundle is worth on folders of images, through the service's own decode and engine. Returns the exit
 * status: 0, or 1 when images had no verdict, or 128 + signal when it was interrupted.
 */
export async function evaluateFolders(args: EvalArguments, config: Config, version: string): Promise<number> {
  const { bundle, devices } = await openBundle(config);
  const { sets, folders, classes, prompts } = await prepare(args, config, bundle);
  const counts = await countImages(sets);
  const total = counts.reduce((a, b) => a + b, 0);
  const identity = {
    bundle: bundle.id,
    precision: bundle.precision,
    classes_sha256: classesHash(folders, classes, prompts),
  };
  const log = args.out === undefined ? undefined : await openLog(args.out, identity);
  const runs = log ? await log.runs() : [];

  let engine: Engine | undefined;
  let bar: ProgressBar | undefined;
  let done = 0;
  const interrupt = interruption();
  const { signal } = interrupt;
  try {
    const collector = await evaluate({
      sets,
      classes,
      ...(log ? { log } : {}),
      signal,
      start: async () => {
        engine = new Engine({
          ...engineOptions(config, bundle, devices),
          observer: {
            log: (level, message, details) => level !== 'info' && say(`${message} ${JSON.stringify(details)}`),
          },
        });
        const judge = await startJudge(engine, config, { classes, prompts, signal });
        const run = { started: new Date().toISOString(), version, node: process.version, device: engine.status.device };
        runs.push(run);
        log?.began(run);
        return judge;
      },
      onImage: (known) => {
        bar ??= progress(total, 'images');
        done++;
        bar.tick(known);
      },
    }).catch((error) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    bar?.end();
    if (!collector) {
      say(
        `Stopped after ${done} of ${total} images. ${log ? 'The same command continues from there.' : 'Nothing is kept; with --out DIR the next run could continue.'}`,
      );
      return interrupt.code();
    }
    const results = resultsOf(collector, {
      tool: { name: 'clipn-gate', version },
      created: new Date().toISOString(),
      bundle: {
        id: bundle.id,
        name: bundle.manifest.name,
        version: bundle.manifest.version,
        precision: bundle.precision,
      },
      settings: {
        templates: prompts.yes,
        templates_no: prompts.no,
        logit_scale: bundle.manifest.logit_scale,
        max_pixels: config.maxPixels,
      },
      identity,
      runs,
      sets,
      folders,
      classes,
    });
    process.stdout.write(`${args.json ? JSON.stringify(results, null, 2) : describeResults(results)}\n`);
    if (args.out !== undefined) {
      await writeResults(args.out, results, async () =>
        reportHtml(results, collector, await thumbnails(results, dirsOf(sets))),
      );
      say(`Written: results.json, report.html and scores.jsonl in ${args.out}`);
    }
    return results.failed.count > 0 ? 1 : 0;
  } finally {
    bar?.end();
    interrupt.forget();
    log?.close();
    await engine?.stop();
  }
}

const dirsOf = (sets: ImageSet[]) => new Map(sets.map((s) => [s.name, s.dir]));
