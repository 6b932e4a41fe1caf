#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { BundleError } from '../bundle/errors.ts';
import { type Config, ConfigError, describeConfig, loadConfig } from '../config/index.ts';
import { ServiceError } from '../errors/index.ts';
import { type DetectArguments, detectFiles } from './detect.ts';
import { serve } from './serve.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('clipn-gate')
  .description('Out-of-distribution gating of images: which of your classes does it show, and does it show any at all?')
  .version(version)
  .showHelpAfterError();

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
  await serve(configFrom(options));
});

const DETECT_SETTINGS = new Set([
  'CLIPN_BUNDLE',
  'CLIPN_DATA_DIR',
  'CLIPN_DEVICE',
  'CLIPN_PRECISION',
  'CLIPN_THREADS',
  'CLIPN_MAX_PIXELS',
]);
withSettings(
  program
    .command('detect')
    .description('verdicts for image files and folders, without a server')
    .argument('<file...>', 'image files, or folders of them')
    .option('--classes <a,b,c>', 'class names to compare with')
    .option('--tenant <id>', 'a tenant of the data directory instead of --classes (default demo)')
    .addOption(new Option('--method <rule>', 'which rule decides').choices(['ctw', 'atd', 'atd-rescaled']))
    .option('--top <n>', 'likeliest classes to give with --json', (v) => Number.parseInt(v, 10), 5)
    .option('--json', 'one JSON object per line, for programs'),
  DETECT_SETTINGS,
).action(async (files: string[], options: Record<string, unknown>) => {
  process.exitCode = await detectFiles(
    { ...options, files } as DetectArguments,
    configFrom({ ...options, method: undefined }),
  );
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof ConfigError || error instanceof BundleError || error instanceof ServiceError) {
    const internal = error instanceof ServiceError && error.internal ? `\n  ${error.internal}` : '';
    process.stderr.write(`clipn-gate: ${error.message}${internal}\n`);
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
  throw error;
}
