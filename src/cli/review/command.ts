import { type Command, Option } from 'commander';
import { type Connection, clientOf, withConnection } from '../connection.ts';

/** `clipn-gate capture ...`: works on a running service. */
export function addCaptureCommand(program: Command): void {
  const capture = program.command('capture').description('list, export and remove the kept images of a tenant');
  const declare = (name: string, description: string) =>
    withConnection(capture.command(name).description(description).argument('<tenant>'));
  declare('list', 'list the kept images').action(async (tenant: string, options: Connection) => {
    const { listCaptures } = await import('./capture.ts');
    process.exitCode = await listCaptures(await clientOf(options), tenant, options.json === true);
  });
  declare('export', 'write the original files to a folder that eval reads; existing files are skipped')
    .argument('<folder>')
    .action(async (tenant: string, folder: string, options: Connection) => {
      const { exportCaptures } = await import('./capture.ts');
      process.exitCode = await exportCaptures(await clientOf(options), tenant, folder);
    });
  declare('delete', 'remove kept images')
    .argument('[sha256...]')
    .option('--all', 'all of the tenant, after a confirmation')
    .option('--yes', 'do not ask')
    .action(async (tenant: string, hashes: string[], options: Connection & { all?: boolean; yes?: boolean }) => {
      const { deleteCaptures } = await import('./capture.ts');
      process.exitCode = await deleteCaptures(await clientOf(options), tenant, hashes, options);
    });
}

/** `clipn-gate labels ...`: works on a running service. */
export function addLabelsCommand(program: Command): void {
  const labels = program.command('labels').description('print and set the labels of kept images');
  const declare = (name: string, description: string) =>
    withConnection(labels.command(name).description(description).argument('<tenant>'));
  for (const name of ['list', 'export'])
    declare(name, 'print all labels')
      .addOption(new Option('--format <format>', 'form of the output').choices(['jsonl', 'csv']).default('jsonl'))
      .action(async (tenant: string, options: Connection & { format: 'jsonl' | 'csv' }) => {
        const { exportLabels } = await import('./labels.ts');
        process.exitCode = await exportLabels(await clientOf(options), tenant, options.format);
      });
  declare('set', 'label an image: a class, none or unsure')
    .argument('<sha256>')
    .argument('<label>')
    .action(async (tenant: string, sha256: string, label: string, options: Connection) => {
      const { setLabel } = await import('./labels.ts');
      process.exitCode = await setLabel(await clientOf(options), tenant, sha256, label);
    });
}
