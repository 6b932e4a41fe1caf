/**
 * The clean-up that CLIP's reference applies to every text before its tokenizer: Unicode errors are repaired, HTML entities are decoded
 * twice, white space becomes single blanks, letters become lower case. A bundle whose model was trained with it has its tables in tokenizer.json.
 */
import { encodingFixer, type MojibakeTables } from './mojibake.ts';

export interface CleanTables extends MojibakeTables {
  rule: string;
  /** Library and version that made the tables. */
  source: string;
  /** Single characters that stand for several letters, with those letters. */
  ligatures: Record<string, string>;
  /** HTML's entities, without ampersand: most with a semicolon, the oldest also without. */
  entities: Record<string, string>;
  /** Upper-case spellings that the first pass accepts. */
  entities_upper_case: Record<string, string>;
}

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: control characters are what these are about
const UNWANTED = /[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]/gu;
const TERMINAL_ESCAPE = /\u001b\[[\p{Nd};]*[a-zA-Z]/gu;
/** White space in Python's sense. */
const WHITE_SPACE = /[\p{White_Space}\u001c-\u001f]+/u;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: control characters are what these are about
const LINE_BREAK = /\r\n|[\r\u2028\u2029\u0085]/gu;
const FULL_OR_HALF_WIDTH = /[\uff01-\uffef]/gu;
const ENTITY = /&#?[0-9A-Za-z]{1,24};/gu;
const CHARACTER_REFERENCE = /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/gu;

/** Decodes character references as browsers do in text. `high` is Windows-1252, which applies to numbers from 128 to 159. */
function htmlDecoder({ entities, encodings }: CleanTables): (text: string) => string {
  const high = encodings.find((e) => e.name === 'sloppy-windows-1252')?.high as string;

  function numbered(code: number): string {
    if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd';
    if (code === 0x0d) return '\r';
    if (code >= 0x80 && code <= 0x9f) return high[code - 0x80] as string;
    const control = code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0c;
    const noncharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
    return control || code === 0x7f || noncharacter ? '' : String.fromCodePoint(code);
  }

  function named(name: string): string {
    if (Object.hasOwn(entities, name)) return entities[name] as string;
    // the longest prefix that is an entity counts: &notit; is ¬it;
    const characters = Array.from(name);
    for (let length = characters.length - 1; length > 1; length--) {
      const beginning = characters.slice(0, length).join('');
      if (Object.hasOwn(entities, beginning)) return entities[beginning] + characters.slice(length).join('');
    }
    return `&${name}`;
  }

  return (text) =>
    text.replace(CHARACTER_REFERENCE, (_, reference: string) => {
      if (!reference.startsWith('#')) return named(reference);
      const digits = reference.replace(/^#[xX]?|;$/g, '');
      return numbered(Number.parseInt(digits, /^#[xX]/.test(reference) ? 16 : 10));
    });
}

/**
 * Makes the clean-up that the tables describe.
 * @throws Error for an unknown rule or incomplete tables, because a slightly different clean-up would change verdicts silently
 */
export function cleanerOf(tables: CleanTables): (text: string) => string {
  if (tables.rule !== 'clip') throw new Error(`the clean-up ${tables.rule} is not supported`);
  const { ligatures, entities, entities_upper_case: upper } = tables;
  const encoding = encodingFixer(tables);
  const decodeHtml = htmlDecoder(tables);
  const ligature = new RegExp(`[${Object.keys(ligatures).join('')}]`, 'gu');

  /** Decodes only references that end in a semicolon and are entities as a whole: "this&not that" stays. */
  function decodeClearEntities(text: string): string {
    return text.replace(ENTITY, (whole) => {
      const name = whole.slice(1);
      if (Object.hasOwn(entities, name)) return entities[name] as string;
      if (Object.hasOwn(upper, name)) return upper[name] as string;
      const decoded = name.startsWith('#') ? decodeHtml(whole) : whole;
      return decoded.includes(';') ? whole : decoded;
    });
  }

  function fixLine(line: string, entitiesToo: boolean): string {
    for (;;) {
      let text = entitiesToo ? decodeClearEntities(line) : line;
      text = encoding.fixC1(encoding.fix(text));
      text = text.replace(ligature, (c) => ligatures[c] as string);
      text = text.replaceAll('\u3000', ' ').replace(FULL_OR_HALF_WIDTH, (c) => c.normalize('NFKC'));
      text = text.replace(/[\u201c-\u201f]/gu, '"').replace(/[\u02bc\u2018-\u201b]/gu, "'");
      text = text.replace(LINE_BREAK, '\n').replace(/\p{Cs}/gu, '\ufffd');
      text = text.replace(TERMINAL_ESCAPE, '').replace(UNWANTED, '').normalize('NFC');
      if (text === line) return text;
      line = text;
    }
  }

  /** Works line by line. From the first line with "<" on, the text counts as HTML, whose entities stay. */
  function fixText(text: string): string {
    let html = false;
    return text
      .split(/(?<=\n)/)
      .map((line) => {
        html ||= line.includes('<');
        return fixLine(line, !html);
      })
      .join('');
  }

  return (text) =>
    decodeHtml(decodeHtml(fixText(text)))
      .split(WHITE_SPACE)
      .filter((word) => word !== '')
      .join(' ')
      .toLowerCase();
}
