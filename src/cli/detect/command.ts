import { type Command, Option } from 'commander';
import { METHODS, NEGATIVE_METHODS } from '../../clipn/index.ts';
import { configFrom, MODEL_SETTINGS, withSettings } from '../settings.ts';
import type { DetectArguments } from './detect.ts';

const SETTINGS = [...MODEL_SETTINGS, 'CLIPN_DATA_DIR', 'CLIPN_STORE'];

/** `clipn-gate detect` */
export function addDetectCommand(program: Command): void {
  withSettings(
    program
      .command('detect')
      .description('print verdicts for image files and folders, without a server')
      .argument('<file...>', 'image files, folders of them, or - for an image on standard input')
      .option('--classes <a,b,c>', 'class names to compare with')
      .option('--tenant <id>', 'a tenant of the data directory instead of --classes (default demo)')
      .addOption(new Option('--method <rule>', 'the rule that decides').choices([...METHODS, ...NEGATIVE_METHODS]))
      .option('--top <n>', 'number of likeliest classes in --json', (v) => Number.parseInt(v, 10), 5)
      .option('--explain', 'show words that refused images look like; encodes all words of the word list first')
      .option('--json', 'one JSON object per line, for programs'),
    SETTINGS,
  ).action(async (files: string[], options: Omit<DetectArguments, 'files'>) => {
    const { detectFiles } = await import('./detect.ts');
    // --method is an option of the command, not the setting of that name
    process.exitCode = await detectFiles({ ...options, files }, configFrom({ ...options, method: undefined }));
  });
}
