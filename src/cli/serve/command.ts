import type { Command } from 'commander';
import { VERSION } from '../../config/version.ts';
import { configFrom, withSettings } from '../settings.ts';

/** `clipn-gate serve` */
export function addServeCommand(program: Command): void {
  withSettings(program.command('serve').description('run the service')).action(async (options) => {
    const { serve } = await import('./serve.ts');
    await serve(configFrom(options), VERSION);
  });
}

/** `clipn-gate gate`: the service together with the gate. */
export function addGateCommand(program: Command): void {
  withSettings(
    program
      .command('gate')
      .description('run the gate in front of a classifier, with the service in the same process')
      .requiredOption(
        '--config <file>',
        "the gate's configuration file, YAML or JSON; it is read again when it changes",
      ),
  ).action(async ({ config, ...options }: Record<string, unknown>) => {
    const { serve } = await import('./serve.ts');
    await serve(configFrom(options), VERSION, String(config));
  });
}
