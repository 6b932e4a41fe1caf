export const MAX_NAME_LENGTH = 256;
export const MAX_TEMPLATE_LENGTH = 512;

// control characters and lone surrogates are never part of a name, and tokenizers disagree about them
const FORBIDDEN = /[\p{Cc}\p{Cs}]/u;

/** The fault of a class name, as a public text; undefined for a valid name. Names are used unchanged. */
export function classNameFault(name: string): string | undefined {
  if (name.trim() === '') return 'a class name must not be empty';
  if (name.length > MAX_NAME_LENGTH)
    return `a class name may have at most ${MAX_NAME_LENGTH} characters, this one has ${name.length}`;
  if (FORBIDDEN.test(name)) return `the class name ${JSON.stringify(name)} has control characters in it`;
  return undefined;
}

/** The fault of a prompt template, as a public text; undefined for a valid one. A template has one pair of braces for the name. */
export function templateFault(template: string): string | undefined {
  if (template.length > MAX_TEMPLATE_LENGTH) return `a template may have at most ${MAX_TEMPLATE_LENGTH} characters`;
  if (template.split('{}').length !== 2)
    return `the template ${JSON.stringify(template)} needs exactly one {} where the class name goes`;
  if (FORBIDDEN.test(template)) return `the template ${JSON.stringify(template)} has control characters in it`;
  return undefined;
}

/** Replaces the braces by the unchanged name: `$&` in a name has no special meaning. */
export function fillTemplate(template: string, name: string): string {
  return template.split('{}').join(name);
}
