import type { Command } from 'commander';
import { defined } from '../../defined.ts';
import { configFrom, withSettings } from '../settings.ts';

const COMMANDS = [
  ['list', 'bundles under models/ and the configured one, with their faults', 'listModels'],
  ['verify', 'checks one bundle, or all, on this machine: checksums, graphs, golden file', 'verifyModels'],
  ['info', 'prints the manifest: origin, licence, vocabulary, precisions, measured quality', 'modelInfo'],
] as const;

/** `clipn-gate models ...` */
export function addModelsCommand(program: Command): void {
  const models = program.command('models').description('list, verify and describe model bundles');
  for (const [name, description, action] of COMMANDS) {
    const command = models.command(name).description(description).option('--json', 'as JSON, for programs');
    if (name !== 'list') command.argument('[bundle]', 'a name under models/, or a path');
    const settings = name === 'verify' ? ['CLIPN_BUNDLE', 'CLIPN_DEVICE', 'CLIPN_THREADS'] : ['CLIPN_BUNDLE'];
    withSettings(command, settings).action(async () => {
      const [bundle] = command.args;
      const options = command.opts<{ json?: boolean }>();
      const commands = await import('./models.ts');
      process.exitCode = await commands[action](defined({ bundle, json: options.json }), configFrom(options));
    });
  }
}
