#!/usr/bin/env node
import { Command } from 'commander';
import { VERSION } from '../config/version.ts';
import { addDetectCommand } from './detect/command.ts';
import { addEvalCommand } from './eval/command.ts';
import { addKeysCommand } from './keys/command.ts';
import { addCalibrateCommand, addExamplesCommand } from './learn/command.ts';
import { addModelsCommand } from './models/command.ts';
import { addReplayCommand } from './replay/command.ts';
import { addCaptureCommand, addLabelsCommand } from './review/command.ts';
import { addGateCommand, addServeCommand } from './serve/command.ts';
import { addTenantsCommand } from './tenants/command.ts';

// Each command.ts loads the modules of its command when it runs, because loading all of them takes a second of processor time.

const program = new Command('clipn-gate')
  .description(
    'Out-of-distribution gating of images: which of your classes does an image show, and does it show any of them?',
  )
  .version(VERSION)
  .showHelpAfterError('See --help.')
  // all commands inherit this: status 2 for wrong arguments, 1 for a failure of the command
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));

// the reader of a pipe has seen enough, as in `detect --json photos/ | head -1`: end like a program that gets SIGPIPE
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(141);
});

addServeCommand(program);
addGateCommand(program);
addReplayCommand(program);
addDetectCommand(program);
addEvalCommand(program);
addModelsCommand(program);
addKeysCommand(program);
addTenantsCommand(program);
addCalibrateCommand(program);
addExamplesCommand(program);
addCaptureCommand(program);
addLabelsCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  const { reportError } = await import('./report-error.ts');
  reportError(error);
}
