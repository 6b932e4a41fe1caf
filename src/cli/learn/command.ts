import { type Command, InvalidArgumentError, Option } from 'commander';
import { SCORES, type ScoreName } from '../../clipn/index.ts';
import { defined } from '../../defined.ts';
import { type Connection, clientOf, withConnection } from '../connection.ts';

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0.5 && value <= 0.999))
    throw new InvalidArgumentError('It must be between 0.5 and 0.999.');
  return value;
}

interface Calibrate extends Connection {
  keep?: number;
  certainKeep?: number;
  score?: ScoreName;
  add?: boolean;
  delete?: boolean;
}

/** `clipn-gate calibrate`: works on a running service. */
export function addCalibrateCommand(program: Command): void {
  withConnection(
    program
      .command('calibrate')
      .description(
        'calibrate a tenant of a running service with images of its classes; without images, show the calibration or change its choices',
      )
      .argument('<tenant>')
      .argument('[path...]', 'image files and folders of them')
      .option('--keep <share>', 'share of further images of the classes to keep (0.95)', share)
      .option('--certain-keep <share>', 'a smaller share; images between both are uncertain', share)
      .addOption(new Option('--score <name>', 'the score that the threshold is on (atd)').choices(SCORES))
      .option('--add', 'add the images to those of the former calibration')
      .option('--delete', 'remove the calibration'),
  ).action(async (tenant: string, paths: string[], options: Calibrate) => {
    const { calibrateTenant, removeCalibration } = await import('./calibrate.ts');
    const client = await clientOf(options);
    const { url: _, key: __, delete: remove, ...rest } = options;
    process.exitCode = remove
      ? await removeCalibration(client, tenant)
      : await calibrateTenant(client, tenant, paths, rest);
  });
}

interface SetExamples extends Connection {
  add?: boolean;
  keep?: boolean;
}

/** `clipn-gate examples ...`: works on a running service. */
export function addExamplesCommand(program: Command): void {
  const examples = program.command('examples').description('manage example images beside the names of classes');
  const declare = (name: string, description: string) =>
    withConnection(examples.command(name).description(description).argument('<tenant>').argument('<class>'));
  declare('set', 'set the examples of a class; --add keeps those so far')
    .argument('<path...>', 'image files and folders of them')
    .option('--add', 'add to the examples so far')
    .option('--keep', 'keep the pictures, too, so that another model can embed them again')
    .action(async (tenant: string, name: string, paths: string[], options: SetExamples) => {
      const { setExamples } = await import('./examples.ts');
      process.exitCode = await setExamples(await clientOf(options), [tenant, name], paths, options);
    });
  declare('list', 'print the SHA-256 of each example of a class').action(
    async (tenant: string, name: string, options: Connection) => {
      const { listExamples } = await import('./examples.ts');
      process.exitCode = await listExamples(await clientOf(options), [tenant, name], options);
    },
  );
  declare('delete', 'remove the examples of a class')
    .option('--sha256 <hash>', 'this one only')
    .action(async (tenant: string, name: string, options: Connection & { sha256?: string }) => {
      const { deleteExamples } = await import('./examples.ts');
      const { sha256 } = options;
      process.exitCode = await deleteExamples(await clientOf(options), [tenant, name], defined({ sha256 }));
    });
}
