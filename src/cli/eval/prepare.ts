import type { Bundle } from '../../bundle/load.ts';
import type { Config } from '../../config/index.ts';
import { defined } from '../../defined.ts';
import {
  classNames,
  EvaluationError,
  type ImageSet,
  LeftOutFiles,
  openSets,
  PRESETS,
  type PresetName,
  type PresetRecord,
  preparePreset,
  readTemplates,
} from '../../evaluation/index.ts';
import { checkDefinition, type Prompts, promptsOf, type TenantDefinition } from '../../tenants/definition.ts';
import { negativesDigest } from '../../tenants/negatives/choice.ts';
import { installedWordList } from '../../tenants/negatives/open-words.ts';
import { negativesUnsupported } from '../../tenants/negatives/settings.ts';
import { pathArguments } from '../path-arguments.ts';
import { warnOfTexts } from '../text-warnings.ts';

export interface EvalArguments {
  id?: string;
  ood?: string[];
  preset?: PresetName;
  root?: string;
  classes?: string;
  templates?: string;
  templatesNo?: string;
  negatives?: boolean;
  out?: string;
  json?: boolean;
}

/** Published settings, with the conjugated pool of CSP. */
const NEGATIVES = { pool: true };

/** The sets of images, and the classes that they are compared with. */
export interface Task {
  /** The in-distribution set first. */
  sets: [ImageSet, ...ImageSet[]];
  /** Folder of each class. */
  folders: string[];
  classes: string[];
  prompts: Prompts;
  definition: TenantDefinition;
  /** Of the negative labels' settings and word list, where there are negative labels. */
  negatives?: string;
  preset?: PresetRecord;
  /** The entries that the walks through the folders have left out so far. */
  leftOut: LeftOutFiles;
}

/** Reads all arguments before the work begins, so that faults show early. @throws EvaluationError, ServiceError */
export async function prepare(args: EvalArguments, config: Config, bundle: Bundle): Promise<Task> {
  const leftOut = new LeftOutFiles();
  const { sets, folders, classes, record } = args.preset ? await presetOf(args, leftOut) : await setsOf(args, leftOut);
  const list = args.negatives ? await installedWordList(config.words) : undefined;
  if (args.negatives && !list) throw negativesUnsupported();
  const definition: TenantDefinition = defined({
    classes,
    negatives: args.negatives ? NEGATIVES : undefined,
    templates: args.templates === undefined ? undefined : await readTemplates(args.templates),
    templates_no: args.templatesNo === undefined ? undefined : await readTemplates(args.templatesNo),
  });
  checkDefinition(definition, config);
  const prompts = promptsOf(definition, bundle.manifest.templates);
  await warnOfTexts(bundle, definition);
  const negatives = list && negativesDigest(NEGATIVES, list.id);
  return { sets, folders, classes, prompts, definition, leftOut, ...defined({ preset: record, negatives }) };
}

interface Sets extends Pick<Task, 'sets' | 'folders' | 'classes'> {
  record?: PresetRecord;
}

async function setsOf(
  { id: given, ood: others = [], classes: file }: EvalArguments,
  leftOut: LeftOutFiles,
): Promise<Sets> {
  const [id, ...ood] = pathArguments([given as string, ...others]) as [string, ...string[]];
  const sets = await openSets(id, ood, { empty: file !== undefined, leftOut });
  const folders = sets[0].folders as string[];
  return { sets, folders, classes: await classNames(folders, file) };
}

async function presetOf(args: EvalArguments, leftOut: LeftOutFiles): Promise<Sets> {
  const { preset, root: givenRoot, id: givenId, ood, classes } = args;
  if (!preset || givenRoot === undefined || ood) {
    const message = 'A preset needs --root, the folder with its sets, and no --ood: the preset names the sets.';
    throw new EvaluationError('preset_arguments', message);
  }
  const [root, id] = pathArguments(givenId === undefined ? [givenRoot] : [givenRoot, givenId]) as [string, string?];
  return preparePreset(PRESETS[preset], { root, leftOut, ...defined({ id, classes }) });
}
