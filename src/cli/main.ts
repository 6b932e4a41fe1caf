#!/usr/bin/env node
import { Command, Option } from 'commander';
import { type Config, describeConfig, loadConfig } from '../config/index.ts';
import { VERSION as version } from '../config/version.ts';
import type { ScoreName } from '../gate/audit/replay.ts';
import type { BatchRule } from '../gate/config/schema.ts';
import type { DetectArguments } from './detect/detect.ts';
import type { EvalArguments } from './eval/eval.ts';
import { addKeysCommand } from './keys/command.ts';
import type { ModelsArguments } from './models/models.ts';
import type { ReplayArguments } from './replay/replay.ts';
import { addTenantsCommand } from './tenants/command.ts';

// A command's own modules are loaded when it runs: all of them together take a second of processor time.

const program = new Command('clipn-gate')
  .description('Out-of-distribution gating of images: which of your classes does it show, and does it show any at all?')
  .version(version)
  .showHelpAfterError()
  // inherited by every command: 2 says that it was called wrongly, 1 that it was called rightly and failed
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

/** Adds the settings of the configuration as flags; each is also an environment variable. */
function withSettings(command: Command, only?: Set<string>): Command {
  for (const { flag, variable, default: fallback, meaning } of describeConfig()) {
    if (only && !only.has(variable)) continue;
    command.addOption(
      new Option(`--${flag} <value>`, `${meaning} (${variable}${fallback === '' ? '' : `, default ${fallback}`})`),
    );
  }
  return command;
}

/** Commander's camel-cased options back to settings; what a command has of its own is left out. */
function configFrom(options: Record<string, unknown>): Config {
  const flags: Record<string, string> = {};
  for (const { flag } of describeConfig()) {
    const value = options[flag.replace(/-([a-z])/g, (_, c: string) => c.toUpperCase())];
    if (typeof value === 'string') flags[flag] = value;
  }
  return loadConfig(process.env, flags);
}

withSettings(program.command('serve').description('run the service')).action(async (options) => {
  const { serve } = await import('./serve/serve.ts');
  await serve(configFrom(options), version);
});

withSettings(
  program
    .command('gate')
    .description('run the gate in front of a classifier, with the service in the same process')
    .requiredOption('--config <file>', "the gate's configuration file, YAML or JSON; it is read again when it changes"),
).action(async ({ config, ...options }: Record<string, unknown>) => {
  const { serve } = await import('./serve/serve.ts');
  await serve(configFrom(options), version, String(config));
});

// spelled out here, and held to the types of the gate, so that help needs none of its modules
const SCORES: Record<ScoreName, true> = { ctw: true, atd: true, msp: true, max_logit: true, energy: true, mcm: true };
const BATCH_RULES: Record<BatchRule, true> = { any: true, all: true, filter: true };
program
  .command('replay')
  .description("counts the gate's decisions under another rule or threshold, from the scores in its audit trail")
  .argument('<file...>', 'audit trails, NDJSON; - is standard input')
  .addOption(new Option('--method <rule>', 'another rule').choices(['ctw', 'atd', 'atd-rescaled']))
  .addOption(
    new Option('--score <name>', 'a score instead of a rule: OOD below --threshold').choices(Object.keys(SCORES)),
  )
  .option('--threshold <number>', 'for --score')
  .addOption(new Option('--batch <rule>', 'another rule for batches').choices(Object.keys(BATCH_RULES)))
  .option('--tenant <id>', 'of this tenant only')
  .option('--json', 'as JSON, for programs')
  .action(async (files: string[], options: ReplayArguments) => {
    const { replayAudit } = await import('./replay/replay.ts');
    process.exitCode = await replayAudit(files, options);
  });

const DETECT_SETTINGS = new Set([
  'CLIPN_BUNDLE',
  'CLIPN_DATA_DIR',
  'CLIPN_STORE',
  'CLIPN_DEVICE',
  'CLIPN_PRECISION',
  'CLIPN_THREADS',
  'CLIPN_MAX_PIXELS',
]);
withSettings(
  program
    .command('detect')
    .description('print verdicts for image files and folders, without a server')
    .argument('<file...>', 'image files, or folders of them')
    .option('--classes <a,b,c>', 'class names to compare with')
    .option('--tenant <id>', 'a tenant of the data directory instead of --classes (default demo)')
    .addOption(new Option('--method <rule>', 'the rule that decides').choices(['ctw', 'atd', 'atd-rescaled']))
    .option('--top <n>', 'number of likeliest classes in --json', (v) => Number.parseInt(v, 10), 5)
    .option('--json', 'one JSON object per line, for programs'),
  DETECT_SETTINGS,
).action(async (files: string[], options: Record<string, unknown>) => {
  const { detectFiles } = await import('./detect/detect.ts');
  process.exitCode = await detectFiles(
    { ...options, files } as DetectArguments,
    configFrom({ ...options, method: undefined }),
  );
});

const EVAL_SETTINGS = new Set([
  'CLIPN_BUNDLE',
  'CLIPN_DEVICE',
  'CLIPN_PRECISION',
  'CLIPN_THREADS',
  'CLIPN_DECODE_THREADS',
  'CLIPN_MAX_BATCH',
  'CLIPN_MAX_PIXELS',
  'CLIPN_MAX_CLASSES',
]);
withSettings(
  program
    .command('eval')
    .description('measures the model on your images: AUROC, FPR95, AUPR, accuracy, and the decisions of the rules')
    .requiredOption('--id <dir>', 'in-distribution images: one folder per class, named like the class')
    .requiredOption('--ood <dir...>', 'out-of-distribution images: one or more folders, each a set of its own')
    .option('--classes <file>', 'class names: one line per class folder in sorted order, or lines of folder, tab, name')
    .option('--templates <file>', "prompt templates, one per line, instead of the bundle's")
    .option('--templates-no <file>', 'templates of the "no" encoder, where they differ')
    .option(
      '--out <dir>',
      'where to write results.json, report.html and scores.jsonl; a second run continues from there',
    )
    .option('--json', 'the results as JSON instead of tables'),
  EVAL_SETTINGS,
)
  .addHelpText(
    'after',
    '\nExit status: 0; 1 when images had no verdict or it failed; 2 on wrong arguments; 130 after Ctrl-C.',
  )
  .action(async (options: Record<string, unknown>) => {
    const { evaluateFolders } = await import('./eval/eval.ts');
    process.exitCode = await evaluateFolders(options as unknown as EvalArguments, configFrom(options), version);
  });

const models = program.command('models').description('lists, verifies and describes model bundles');
const MODEL_COMMANDS = [
  ['list', 'bundles under models/ and the configured one, with their faults', 'listModels'],
  ['verify', 'checks one bundle, or all, on this machine: checksums, graphs, golden file', 'verifyModels'],
  ['info', 'prints the manifest: origin, licence, vocabulary, precisions, measured quality', 'modelInfo'],
] as const;
for (const [name, description, action] of MODEL_COMMANDS) {
  const command = models.command(name).description(description).option('--json', 'as JSON, for programs');
  if (name !== 'list') command.argument('[bundle]', 'a name under models/, or a path');
  const settings = name === 'verify' ? ['CLIPN_BUNDLE', 'CLIPN_DEVICE', 'CLIPN_THREADS'] : ['CLIPN_BUNDLE'];
  withSettings(command, new Set(settings)).action(async () => {
    const [bundle] = command.args;
    const options = command.opts<{ json?: boolean }>();
    const args: ModelsArguments = {
      ...(bundle === undefined ? {} : { bundle }),
      ...(options.json ? { json: true } : {}),
    };
    const commands = await import('./models/models.ts');
    process.exitCode = await commands[action](args, configFrom(options));
  });
}

addKeysCommand(program, { withSettings, configFrom });
addTenantsCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  const { reportError } = await import('./report-error.ts');
  reportError(error);
}
