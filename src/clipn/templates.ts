export const MAX_NAME_LENGTH = 256;
export const MAX_TEMPLATE_LENGTH = 512;

// control characters and lone surrogates: nothing a person types as a name, and nothing a tokenizer has one answer for
const FORBIDDEN = /[\p{Cc}\p{Cs}]/u;

/** What is wrong with a class name, in words for whoever sent it; undefined when it is fine. Names are kept to the letter. */
export function classNameFault(name: string): string | undefined {
  if (name.trim() === '') return 'a class name must not be empty';
  if (name.length > MAX_NAME_LENGTH)
    return `a class name may have at most ${MAX_NAME_LENGTH} characters, this one has ${name.length}`;
  if (FORBIDDEN.test(name)) return `the class name ${JSON.stringify(name)} has control characters in it`;
  return undefined;
}

/** What is wrong with a prompt template; undefined when it is fine. A template has one pair of braces where the name goes. */
export function templateFault(template: string): string | undefined {
  if (template.length > MAX_TEMPLATE_LENGTH) return `a template may have at most ${MAX_TEMPLATE_LENGTH} characters`;
  if (template.split('{}').length !== 2)
    return `the template ${JSON.stringify(template)} needs exactly one {} where the class name goes`;
  if (FORBIDDEN.test(template)) return `the template ${JSON.stringify(template)} has control characters in it`;
  return undefined;
}

/** Puts the name where the braces are, to the letter: `$&` in a name is no instruction. */
export function fillTemplate(template: string, name: string): string {
  return template.split('{}').join(name);
}
