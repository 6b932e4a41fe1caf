import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { distance } from 'fastest-levenshtein';
import { inWords } from '../errors/schema-words.ts';
import { UserError } from '../errors/user-error.ts';
import { PACKAGE } from '../installation.ts';
import { validatorOf } from '../validator.ts';
import { describeConfig } from './rows.ts';
import type { Config } from './schema.ts';
import type { Kind } from './setting.ts';

export { describeConfig, type SettingRow } from './rows.ts';
export type { Config } from './schema.ts';

/** Every fault of the configuration at once. Each names the setting, its value, and the expected value. */
export class ConfigError extends UserError {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: string[]) {
    super(`The configuration is not valid:\n${faults.map((f) => `  - ${f}`).join('\n')}`);
    this.faults = faults;
  }

  override get exitCode(): 1 | 2 {
    return 2;
  }
}

/** Directory of bundles that are named without a path: models/ beside src/ or dist/. */
export const MODELS = fileURLToPath(new URL('models/', PACKAGE));

const UNITS: Record<Kind, Record<string, number> | undefined> = {
  text: undefined,
  flag: undefined,
  integer: { '': 1 },
  milliseconds: { '': 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000 },
  bytes: { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 },
};

const EXPECTED: Record<Kind, string> = {
  text: 'text',
  flag: 'true or false',
  integer: 'a whole number',
  milliseconds: 'a duration such as 500ms, 10s or 2m (bare numbers are milliseconds)',
  bytes: 'a size such as 20MB or 64MiB (bare numbers are bytes)',
};

/** Parses the text of a setting; undefined if it does not have the expected kind. */
function read(text: string, kind: Kind): string | number | boolean | undefined {
  if (kind === 'text') return text;
  if (kind === 'flag')
    return { true: true, '1': true, yes: true, false: false, '0': false, no: false }[text.toLowerCase()];
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = UNITS[kind]?.[(unit ?? '').toLowerCase()];
  if (digits === undefined || factor === undefined) return undefined;
  const value = Number(digits) * factor;
  return Number.isInteger(value) ? value : undefined;
}

/** A value for a message, without the password of an address. */
function shown(given: string): string {
  return JSON.stringify(given.replace(/:.*@/, ':...@'));
}

function unknownVariables(env: NodeJS.ProcessEnv, known: string[]): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('CLIPN_') && !known.includes(name) && !IGNORED.has(name))
    .filter((name) => !isServiceLink(name, env[name]))
    .map((name) => {
      const [closest] = known.map((k) => ({ k, d: distance(name, k) })).sort((a, b) => a.d - b.d);
      return `${name} is not a setting${closest && closest.d <= 4 ? `; did you mean ${closest.k}?` : ''}`;
    });
}

/** Variables of the client commands, the tests and CI. They are not settings, so they are not reported as unknown. */
const IGNORED = new Set([
  'CLIPN_API_KEY',
  'CLIPN_URL',
  'CLIPN_PYTHON',
  'CLIPN_TEST_BUNDLE',
  'CLIPN_TEST_POSTGRES',
  'CLIPN_TOOLS',
  'CLIPN_VENV',
]);

/** Kubernetes sets such variables for every service; one named clipn-gate gives CLIPN_GATE_PORT=tcp://10.0.0.1:8080. */
const SERVICE_LINK = /^CLIPN_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP|SCTP))(_|$)/;
const isServiceLink = (name: string, value: string | undefined) =>
  SERVICE_LINK.test(name) || (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value ?? ''));

/** A path is used as it is; a bare name is a bundle under models/. */
export function bundlePath(value: string): string {
  if (isAbsolute(value) || value.includes('/') || value.includes('\\')) return resolve(value);
  const named = resolve(MODELS, value);
  return existsSync(named) || !existsSync(value) ? named : resolve(value);
}

/**
 * Flags (by flag name, without dashes) over environment over defaults. An empty variable counts as not set.
 * @throws ConfigError with all faults
 */
export function loadConfig(env: NodeJS.ProcessEnv, flags: Record<string, string | undefined> = {}): Config {
  const rows = describeConfig();
  const faults = unknownVariables(
    env,
    rows.map((r) => r.variable),
  );
  const values: Partial<Record<keyof Config, unknown>> = {};
  for (const { key, variable, flag, kind, schema, meaning } of rows) {
    const given = flags[flag] ?? (isServiceLink(variable, env[variable]) ? undefined : env[variable] || undefined);
    const source = flags[flag] === undefined ? variable : `--${flag}`;
    if (given === undefined) {
      values[key] = (schema as { default?: unknown }).default;
      continue;
    }
    const value = read(given, kind);
    const validate = validatorOf(schema, { strict: false, verbose: true });
    if (value === undefined) faults.push(`${source} is ${shown(given)}, expected ${EXPECTED[kind]}`);
    else if (!validate(value)) {
      const [fault] = inWords(validate.errors);
      const words = fault?.keyword === 'pattern' ? `expected ${meaning}` : `it ${fault?.message}`;
      faults.push(`${source} is ${shown(given)}, ${words}`);
    } else values[key] = value;
  }
  if (faults.length > 0) throw new ConfigError(faults);
  const config = values as Config;
  return Object.freeze({ ...config, bundle: bundlePath(config.bundle), dataDir: resolve(config.dataDir) });
}
