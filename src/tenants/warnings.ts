import { nameOf, textsOf } from './classes.ts';
import type { TenantDefinition } from './definition.ts';

export interface Warning {
  code: 'unknown_words' | 'truncated' | 'duplicate_class' | 'single_class';
  message: string;
  class?: string;
  index?: number;
  words?: string[];
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
  const { classes, templates, templates_no: templatesNo } = definition;
  const { unknownWords } = reading;
  const unknown: Warning[] = [];
  const duplicate: Warning[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of classes.entries()) {
    const name = nameOf(entry);
    const words = textsOf(entry).flatMap(unknownWords);
    if (words.length > 0) {
      const list = words.map((w) => JSON.stringify(w)).join(', ');
      const message = `The model has not learned ${list} (class ${JSON.stringify(name)}). Verdicts about this class are little better than a guess.`;
      unknown.push({ code: 'unknown_words', message, class: name, index, words });
    }
    if (seen.has(name)) {
      duplicate.push({
        code: 'duplicate_class',
        message: `The class name ${JSON.stringify(name)} occurs more than once; its probability is split between them.`,
        class: name,
        index,
      });
    }
    seen.add(name);
  }
  const inTemplates = [
    ...new Set([...(templates ?? []), ...(templatesNo ?? [])].flatMap((t) => unknownWords(t.replace('{}', ' ')))),
  ];
  const about: Warning[] = [];
  if (inTemplates.length > 0) {
    const message = `The model has not learned these words of the templates: ${inTemplates.join(', ')}.`;
    about.push({ code: 'unknown_words', message, words: inTemplates });
  }
  if (classes.length === 1) {
    const message = 'With one class the rule atd never rejects. Use ctw or atd-rescaled.';
    about.push({ code: 'single_class', message });
  }
  return [
    ...about,
    ...unknown.slice(0, MAX_WARNINGS),
    ...truncated(definition, reading),
    ...duplicate.slice(0, MAX_WARNINGS),
  ];
}

function truncated({ classes, templates, templates_no: no }: TenantDefinition, reading: TextModel): Warning[] {
  const inUse = [
    ...(templates ?? reading.templates.yes),
    ...(no ?? (templates === undefined ? (reading.templates.no ?? []) : [])),
  ];
  const cut = new Set(reading.cutNames([...new Set(classes.flatMap(textsOf))], [...new Set(inUse)]));
  if (cut.size === 0) return [];
  const warnings: Warning[] = [];
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
