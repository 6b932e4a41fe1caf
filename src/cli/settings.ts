import { type Command, Option } from 'commander';
import { type Config, describeConfig, loadConfig } from '../config/index.ts';

/** Settings of every command that runs the model itself. */
export const MODEL_SETTINGS = [
  'CLIPN_BUNDLE',
  'CLIPN_DEVICE',
  'CLIPN_PRECISION',
  'CLIPN_THREADS',
  'CLIPN_LANES',
  'CLIPN_LANE_BATCH',
  'CLIPN_DECODE',
  'CLIPN_ORIENTATION',
  'CLIPN_MAX_PIXELS',
] as const;

/** Adds the settings of the configuration as flags, or those of `only`; each is also an environment variable. */
export function withSettings(command: Command, only?: readonly string[]): Command {
  for (const { flag, variable, default: fallback, meaning } of describeConfig()) {
    if (only && !only.includes(variable)) continue;
    command.addOption(
      new Option(`--${flag} <value>`, `${meaning} (${variable}${fallback === '' ? '' : `, default ${fallback}`})`),
    );
  }
  return command;
}

/** The configuration from commander's camel-cased options; a command's own options are ignored. @throws ConfigError */
export function configFrom(options: Record<string, unknown>): Config {
  const flags: Record<string, string> = {};
  for (const { flag } of describeConfig()) {
    const value = options[flag.replace(/-([a-z])/g, (_, c: string) => c.toUpperCase())];
    if (typeof value === 'string') flags[flag] = value;
  }
  return loadConfig(process.env, flags);
}
