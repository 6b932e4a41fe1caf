import { type Command, InvalidArgumentError } from 'commander';
import { defined } from '../../defined.ts';
import { type Connection, clientOf, type Declare, withConnection } from '../connection.ts';
import type { ApplyOptions } from './apply.ts';

/** Milliseconds: the value of an option whose name, like all names of options, has no unit. */
type SpanMs = number;

function spanMs(text: string): SpanMs {
  const [, count, unit = 's'] = /^(\d{1,6})(s|m|h)?$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('It must be a time span such as 30s, 10m or 2h.');
  return Number(count) * ({ s: 1000, m: 60_000, h: 3_600_000 }[unit] as number);
}

/** `clipn-gate tenants ...`: works on a running service. */
export function addTenantsCommand(program: Command): void {
  const tenants = program.command('tenants').description('manage tenants of a running service');
  const declare: Declare = (name, description) => withConnection(tenants.command(name).description(description));
  addList(declare);
  addGet(declare);
  addDelete(declare);
  addApply(declare);
  addWatch(declare);
}

function addList(declare: Declare): void {
  declare('list', 'list the tenants that the key may manage')
    .option('--prefix <text>', 'only ids with this prefix')
    .option('--state <state>', 'ready, building, failed or cancelled')
    .action(async (options: Connection & { prefix?: string; state?: string }) => {
      const { prefix, state, json = false } = options;
      const { listTenants } = await import('./show.ts');
      process.exitCode = await listTenants(await clientOf(options), defined({ prefix, state }), json);
    });
}

function addGet(declare: Declare): void {
  declare('get', 'print definitions as YAML that apply accepts')
    .argument('<tenant...>')
    .action(async (ids: string[], options: Connection) => {
      const { getTenants } = await import('./show.ts');
      process.exitCode = await getTenants(await clientOf(options), ids, options.json === true);
    });
}

function addDelete(declare: Declare): void {
  declare('delete', 'remove tenants, after a confirmation')
    .argument('<tenant...>')
    .option('--yes', 'do not ask')
    .action(async (ids: string[], options: Connection & { yes?: boolean }) => {
      const { deleteTenants } = await import('./show.ts');
      process.exitCode = await deleteTenants(await clientOf(options), ids, options.yes);
    });
}

function addApply(declare: Declare): void {
  declare('apply', 'apply tenant files: show the difference, change the tenants, wait for the features')
    .requiredOption('-f, --filename <path...>', 'YAML or JSON files, folders of them, or - for standard input')
    .option('--dry-run', 'only show the difference')
    .option('--exit-code', 'with --dry-run: exit status 3 if there is a difference')
    .option('--prune', 'also remove tenants that no file names, after a confirmation')
    .option('--yes', 'do not ask')
    .option('--no-wait', 'do not wait for the features')
    .option('--timeout <span>', 'longest wait for the features of one tenant', spanMs, 600_000)
    .addHelpText(
      'after',
      '\nA file is a mapping: tenant (without it the name of the file is the id), classes, and the other fields of PUT.\n' +
        'Exit status: 0; 1 when an operation failed; 2 on wrong arguments or files; 3 with --exit-code.',
    )
    .action(async ({ timeout, ...options }: Connection & Omit<ApplyOptions, 'timeoutMs'> & { timeout: SpanMs }) => {
      const { applyTenants } = await import('./apply.ts');
      process.exitCode = await applyTenants(await clientOf(options), { ...options, timeoutMs: timeout });
    });
}

function addWatch(declare: Declare): void {
  declare('watch', 'print a line for every change, until Ctrl-C')
    .argument('[tenant...]')
    .option('--every <span>', 'interval between two requests', spanMs, 1000)
    .action(async (ids: string[], options: Connection & { every: SpanMs }) => {
      const stop = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
      const { json = false, every: everyMs } = options;
      const { watchTenants } = await import('./show.ts');
      const watch = { json, everyMs, signal: stop.signal };
      process.exitCode = await watchTenants(await clientOf(options), ids, watch);
    });
}
