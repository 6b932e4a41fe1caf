import { nameOf, textsOf } from './classes.ts';
import type { TenantDefinition } from './definition.ts';

export interface Warning {
  code: 'unknown_words' | 'duplicate_class' | 'single_class';
  message: string;
  class?: string;
  index?: number;
  words?: string[];
}

/** Warnings of one kind that a reply lists one by one. */
const MAX_WARNINGS = 100;

/** What the owner of a definition should know though nothing is wrong with it. */
export function warningsOf(
  { classes, templates, templates_no: templatesNo }: TenantDefinition,
  unknownWords: (text: string) => string[],
): Warning[] {
  const unknown: Warning[] = [];
  const duplicate: Warning[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of classes.entries()) {
    const name = nameOf(entry);
    const words = textsOf(entry).flatMap(unknownWords);
    if (words.length > 0) {
      const list = words.map((w) => JSON.stringify(w)).join(', ');
      const message = `The model has not learned ${list} (class ${JSON.stringify(name)}): verdicts about it are little better than a guess.`;
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
    const message = 'With one class the rule atd can never reject; ctw and atd-rescaled can.';
    about.push({ code: 'single_class', message });
  }
  return [...about, ...unknown.slice(0, MAX_WARNINGS), ...duplicate.slice(0, MAX_WARNINGS)];
}
