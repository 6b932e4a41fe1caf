import { type Command, Option } from 'commander';
import { RULES, SCORES } from '../../clipn/index.ts';
import type { BatchRule } from '../../gate/config/schema.ts';
import type { ReplayArguments } from './replay.ts';

// listed here and checked against the types of the gate, so that help loads none of the gate's modules
const BATCH_RULES: Record<BatchRule, true> = { any: true, all: true, filter: true };

/** `clipn-gate replay` */
export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .description("count the gate's decisions under another rule or threshold, from the scores in its audit trail")
    .argument('<file...>', 'audit trails, NDJSON; - is standard input')
    .addOption(new Option('--method <rule>', 'another rule').choices(RULES))
    .addOption(new Option('--score <name>', 'a score instead of a rule: OOD below --threshold').choices(SCORES))
    .option('--threshold <number>', 'for --score')
    .addOption(new Option('--batch <rule>', 'another rule for batches').choices(Object.keys(BATCH_RULES)))
    .option('--tenant <id>', 'of this tenant only')
    .option(
      '--labels <source>',
      'report how often each rule is wrong, by labels: a file of `labels export`, or the address of the service (key: CLIPN_API_KEY)',
    )
    .option('--json', 'as JSON, for programs')
    .action(async (files: string[], options: ReplayArguments) => {
      const { replayAudit } = await import('./replay.ts');
      process.exitCode = await replayAudit(files, options);
    });
}
