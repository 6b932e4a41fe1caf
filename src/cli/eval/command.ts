import { type Command, Option } from 'commander';
import { VERSION } from '../../config/version.ts';
import type { PresetName } from '../../evaluation/index.ts';
import { configFrom, MODEL_SETTINGS, withSettings } from '../settings.ts';
import type { EvalArguments } from './prepare.ts';

const SETTINGS = [...MODEL_SETTINGS, 'CLIPN_WORDS', 'CLIPN_MAX_BATCH', 'CLIPN_MAX_CLASSES'];

/** Names of presets; the modules behind them are loaded only when the command runs. */
const NAMES: readonly PresetName[] = ['clipn', 'openood', 'cleaned'];

/** Required without a preset. */
const REQUIRED = [
  ['id', '--id <dir>'],
  ['ood', '--ood <dir...>'],
] as const;

/** `clipn-gate eval` */
export function addEvalCommand(program: Command): void {
  withSettings(
    program
      .command('eval')
      .description('measure the model on your images: AUROC, FPR95, AUPR, accuracy, and the decisions of the rules')
      .option('--id <dir>', 'in-distribution images: one folder per class, named like the class')
      .option('--ood <dir...>', 'out-of-distribution images: one or more folders, each a set of its own')
      .addOption(
        new Option('--preset <name>', 'a published benchmark below --root, with the published figures').choices(NAMES),
      )
      .option('--root <dir>', "the folder with the preset's sets")
      .option(
        '--classes <file>',
        'class names: one line per class folder in sorted order, or lines of folder, tab, name',
      )
      .option('--templates <file>', "prompt templates, one per line, instead of the bundle's")
      .option('--templates-no <file>', 'templates of the "no" encoder, if they differ')
      .option('--negatives', 'also NegLabel, CSP, LogitGap and their rules, with negative labels of the word list')
      .option(
        '--out <dir>',
        'where to write results.json, report.html and scores.jsonl; a second run continues from there',
      )
      .option('--json', 'the results as JSON instead of tables'),
    SETTINGS,
  )
    .addHelpText(
      'after',
      '\nExit status: 0; 1 when images had no verdict or the command failed; 2 on wrong arguments; 130 after Ctrl-C.',
    )
    .action(async (options: EvalArguments & Record<string, unknown>, command: Command) => {
      for (const [name, flags] of REQUIRED) {
        if (options[name] === undefined && options.preset === undefined)
          command.error(`error: required option '${flags}' not specified`);
      }
      const { evaluateFolders } = await import('./eval.ts');
      process.exitCode = await evaluateFolders(options, configFrom(options), VERSION);
    });
}
