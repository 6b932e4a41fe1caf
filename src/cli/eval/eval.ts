import { join } from 'node:path';
import type { Config } from '../../config/index.ts';
import { defined } from '../../defined.ts';
import { Engine } from '../../engine/index.ts';
import { printableJson } from '../../errors/printable.ts';
import {
  type Collector,
  classesHash,
  countImages,
  evaluate,
  missingSets,
  type Results,
  type RunRecord,
  reportHtml,
  resultsOf,
  ScoreLog,
  thumbnails,
} from '../../evaluation/index.ts';
import { engineOptions } from '../../serving/engine-options.ts';
import { type OpenedBundle, openBundle } from '../../serving/open-bundle.ts';
import { type Interruption, interruption } from '../interruption.ts';
import { tellLeftOut } from '../left-out.ts';
import { type ProgressBar, progress } from '../progress.ts';
import { startJudge } from './judge.ts';
import { describeResults, writeResults } from './output.ts';
import { type EvalArguments, prepare, type Task } from './prepare.ts';

/** One evaluation: its task, the model that is measured, and the log of earlier runs that it continues. */
interface Run {
  task: Task;
  config: Config;
  opened: OpenedBundle;
  version: string;
  identity: Results['identity'];
  log: ScoreLog | undefined;
  /** Earlier runs, and this one once it has judged an image. */
  runs: RunRecord[];
}

const say = (line: string) => process.stderr.write(`${line}\n`);

/**
 * `clipn-gate eval`: measures the bundle on folders of images, through the service's own decode and engine. Returns the exit
 * status: 0, or 1 when images had no verdict or a folder could not be read, or 128 + signal when it was interrupted.
 */
export async function evaluateFolders(args: EvalArguments, config: Config, version: string): Promise<number> {
  const opened = await openBundle(config);
  const { bundle } = opened;
  const task = await prepare(args, config, bundle);
  const identity = {
    bundle: bundle.id,
    precision: bundle.precision,
    classes_sha256: classesHash(task.folders, task.classes, task.prompts),
    ...defined({ negatives: task.negatives }),
  };
  const total = (await countImages(task.sets, task.leftOut)).reduce((a, b) => a + b, 0);
  tellLeftOut(task.leftOut);
  for (const line of task.preset ? missingSets(task.preset) : []) say(line);
  const log = args.out === undefined ? undefined : await openLog(args.out, identity);
  const run: Run = { task, config, opened, version, identity, log, runs: log ? await log.runs() : [] };
  const interrupt = interruption();
  try {
    const collector = await judgeAll(run, total, interrupt);
    if (!collector) return interrupt.code();
    const results = resultsOfRun(run, collector);
    process.stdout.write(`${args.json ? printableJson(results, 2) : describeResults(results)}\n`);
    if (args.out !== undefined) {
      const dirs = new Map(task.sets.map((s) => [s.name, s.dir]));
      await writeResults(args.out, results, async () =>
        reportHtml(results, collector, await thumbnails(results, dirs)),
      );
      say(`Written: results.json, report.html and scores.jsonl in ${args.out}`);
    }
    return results.failed.count > 0 || task.leftOut.unreadable.length > 0 ? 1 : 0;
  } finally {
    interrupt.forget();
    log?.close();
  }
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

/** Judges the images that no earlier run has judged; undefined when it was interrupted. The engine starts with the first of them. */
async function judgeAll(run: Run, total: number, { signal }: Interruption): Promise<Collector | undefined> {
  const { task, config, log } = run;
  const { bundle, devices } = run.opened;
  let engine: Engine | undefined;
  let bar: ProgressBar | undefined;
  let done = 0;
  const start = async () => {
    engine = new Engine({
      ...engineOptions(config, bundle, devices),
      observer: { log: (level, message, details) => level !== 'info' && say(`${message} ${JSON.stringify(details)}`) },
    });
    const judge = await startJudge(engine, config, { bundle, task, signal });
    const { device } = engine.status;
    const record = { started: new Date().toISOString(), version: run.version, node: process.version, device };
    run.runs.push(record);
    log?.began(record);
    return judge;
  };
  const onImage = (known: boolean) => {
    bar ??= progress(total, 'images');
    done++;
    bar.tick(known);
  };
  try {
    const evaluation = { sets: task.sets, classes: task.classes, signal, start, onImage };
    const collector = await evaluate({ ...evaluation, ...(log && { log }) }).catch((error) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    bar?.end();
    if (!collector) {
      const next = log
        ? 'The same command continues from there.'
        : 'Nothing is kept; with --out DIR the next run could continue.';
      say(`Stopped after ${done} of ${total} images. ${next}`);
    }
    return collector;
  } finally {
    bar?.end();
    await engine?.stop();
  }
}

function resultsOfRun({ task, config, opened, version, identity, runs }: Run, collector: Collector): Results {
  const { id, manifest, precision } = opened.bundle;
  const { sets, folders, classes, prompts, preset } = task;
  return resultsOf(collector, {
    tool: { name: 'clipn-gate', version },
    created: new Date().toISOString(),
    bundle: { id, name: manifest.name, version: manifest.version, precision },
    settings: {
      templates: prompts.yes,
      templates_no: prompts.no,
      logit_scale: manifest.logit_scale,
      max_pixels: config.maxPixels,
    },
    identity,
    runs,
    sets,
    folders,
    classes,
    ...(preset && { preset }),
  });
}
