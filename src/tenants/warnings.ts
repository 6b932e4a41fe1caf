import { type ClassEntry, nameOf, textsOf } from './classes.ts';
import type { TenantDefinition } from './definition.ts';
import { knownForms } from './word-forms.ts';

export interface Warning {
  code: 'unknown_words' | 'truncated' | 'duplicate_class' | 'single_class';
  message: string;
  class?: string;
  index?: number;
  words?: string[];
}

/** A class whose text the model reads in part only. */
export interface CutOffWarning extends Warning {
  code: 'truncated';
}

/** Warnings of one kind that a reply lists one by one. */
const MAX_WARNINGS = 100;

/** Properties of a model's text encoders that warnings depend on. */
export interface TextModel {
  /** Its default templates. */
  templates: { yes: string[]; no: string[] | null };
  /** Words of a text that the model has not learned. */
  unknownWords(text: string): string[];
  /** The names that are truncated in at least one of the templates. */
  cutNames(names: string[], templates: string[]): string[];
}

/** Warnings about a valid definition, for its owner. */
export function warningsOf(definition: TenantDefinition, reading: TextModel): Warning[] {
  return [
    ...inTemplates(definition, reading),
    ...alone(definition),
    ...unknown(definition, reading),
    ...truncated(definition.classes, templatesInUse(definition, reading), reading),
    ...duplicates(definition).slice(0, MAX_WARNINGS),
  ];
}

const quoted = (words: readonly string[]) => words.map((word) => JSON.stringify(word)).join(', ');

function unknown({ classes }: TenantDefinition, { unknownWords }: TextModel): Warning[] {
  const isKnown = (form: string) => unknownWords(form).length === 0;
  const warnings: Warning[] = [];
  for (const [index, entry] of classes.entries()) {
    const words = textsOf(entry).flatMap(unknownWords);
    if (words.length === 0) continue;
    const name = nameOf(entry);
    const known = words.flatMap((word) => knownForms(word, isKnown));
    const hint = known.length > 0 ? ` It has learned ${quoted([...new Set(known)])}.` : '';
    const message = `The model has not learned ${quoted(words)} (class ${JSON.stringify(name)}). Verdicts about this class are little better than a guess.${hint}`;
    warnings.push({ code: 'unknown_words', message, class: name, index, words });
    // the search for known forms has its price
    if (warnings.length === MAX_WARNINGS) break;
  }
  return warnings;
}

function inTemplates({ templates, templates_no: no }: TenantDefinition, { unknownWords }: TextModel): Warning[] {
  const words = [...new Set([...(templates ?? []), ...(no ?? [])].flatMap((t) => unknownWords(t.replace('{}', ' '))))];
  if (words.length === 0) return [];
  const message = `The model has not learned these words of the templates: ${words.join(', ')}.`;
  return [{ code: 'unknown_words', message, words }];
}

function alone({ classes }: TenantDefinition): Warning[] {
  if (classes.length !== 1) return [];
  const message = 'With one class the rule atd never rejects. Use ctw or atd-rescaled.';
  return [{ code: 'single_class', message }];
}

/** A text without the differences that people do not see or mean: case, blanks, and the Unicode form of the same letters. */
const folded = (text: string) => text.normalize('NFC').trim().replaceAll(/\s+/g, ' ').toLowerCase();

/** Classes of which a name or an alias means the same as one of an earlier class. */
function duplicates({ classes }: TenantDefinition): Warning[] {
  const seen = new Map<string, { name: string; text: string }>();
  const warnings: Warning[] = [];
  for (const [index, entry] of classes.entries()) {
    const name = nameOf(entry);
    const texts = textsOf(entry);
    const text = texts.find((t) => seen.has(folded(t)));
    const earlier = text === undefined ? undefined : seen.get(folded(text));
    if (text !== undefined && earlier) {
      warnings.push({ code: 'duplicate_class', message: duplicateText({ name, text }, earlier), class: name, index });
    }
    for (const t of texts) if (!seen.has(folded(t))) seen.set(folded(t), { name, text: t });
  }
  return warnings;
}

interface NamedText {
  /** Name of the class. */
  name: string;
  /** The name, or an alias of the class. */
  text: string;
}

function duplicateText(later: NamedText, earlier: NamedText): string {
  const split = 'the probability is split between them.';
  if (later.text === later.name && later.name === earlier.name && earlier.text === earlier.name)
    return `The class name ${JSON.stringify(later.name)} occurs more than once; its probability is split between them.`;
  const described = ({ name, text }: NamedText) =>
    text === name
      ? `class ${JSON.stringify(name)}`
      : `alias ${JSON.stringify(text)} of the class ${JSON.stringify(name)}`;
  return `The ${described(later)} means the same as the ${described(earlier)}; ${split}`;
}

function templatesInUse({ templates, templates_no: no }: TenantDefinition, reading: TextModel): string[] {
  return [
    ...(templates ?? reading.templates.yes),
    ...(no ?? (templates === undefined ? (reading.templates.no ?? []) : [])),
  ];
}

/** One warning for each class of which a name or an alias is cut off in at least one of the templates; at most `MAX_WARNINGS`. */
export function truncated(
  classes: readonly ClassEntry[],
  templates: readonly string[],
  { cutNames }: Pick<TextModel, 'cutNames'>,
): CutOffWarning[] {
  const cut = new Set(cutNames([...new Set(classes.flatMap(textsOf))], [...new Set(templates)]));
  if (cut.size === 0) return [];
  const warnings: CutOffWarning[] = [];
  for (const [index, entry] of classes.entries()) {
    const text = textsOf(entry).find((t) => cut.has(t));
    if (text === undefined) continue;
    const name = nameOf(entry);
    const alias = text === name ? '' : `, as its alias ${JSON.stringify(text)},`;
    const message = `The class ${JSON.stringify(name)}${alias} is too long for the model in at least one template. The end of the text is cut off.`;
    warnings.push({ code: 'truncated', message, class: name, index });
    if (warnings.length === MAX_WARNINGS) break;
  }
  return warnings;
}
