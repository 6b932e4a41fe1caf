import type { Bundle } from '../../bundle/load.ts';
import type { Config } from '../../config/index.ts';
import { defined } from '../../defined.ts';
import { classNames, type ImageSet, LeftOutFiles, openSets, readTemplates } from '../../evaluation/index.ts';
import { checkDefinition, type Prompts, promptsOf } from '../../tenants/definition.ts';
import { pathArguments } from '../path-arguments.ts';
import { warnOfTexts } from '../text-warnings.ts';

export interface EvalArguments {
  id: string;
  ood: string[];
  classes?: string;
  templates?: string;
  templatesNo?: string;
  out?: string;
  json?: boolean;
}

/** The sets of images, and the classes that they are compared with. */
export interface Task {
  /** The in-distribution set first. */
  sets: [ImageSet, ...ImageSet[]];
  /** Folder of each class. */
  folders: string[];
  classes: string[];
  prompts: Prompts;
  /** The entries that the walks through the folders have left out so far. */
  leftOut: LeftOutFiles;
}

/** Reads all arguments before the work begins, so that faults show early. @throws EvaluationError, ServiceError */
export async function prepare(args: EvalArguments, config: Config, bundle: Bundle): Promise<Task> {
  const leftOut = new LeftOutFiles();
  const [id, ...ood] = pathArguments([args.id, ...args.ood]) as [string, ...string[]];
  const sets = await openSets(id, ood, { empty: args.classes !== undefined, leftOut });
  const folders = sets[0].folders as string[];
  const classes = await classNames(folders, args.classes);
  const definition = defined({
    classes,
    templates: args.templates === undefined ? undefined : await readTemplates(args.templates),
    templates_no: args.templatesNo === undefined ? undefined : await readTemplates(args.templatesNo),
  });
  checkDefinition(definition, config);
  const prompts = promptsOf(definition, bundle.manifest.templates);
  await warnOfTexts(bundle, definition);
  return { sets, folders, classes, prompts, leftOut };
}
