/** A media type and its parameters by RFC 9110, 8.3.1, in strict reading; names are in lower case. */
export interface MediaType {
  type: string;
  parameters: ReadonlyMap<string, string>;
}

const TYPE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)/;
const PARAMETER =
  /[ \t]*;[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"))?/y;

/** Parameters after the first word; undefined if there is anything else, or a parameter is repeated. */
export function parametersOf(value: string, from: number): Map<string, string> | undefined {
  const parameters = new Map<string, string>();
  let at = from;
  while (at < value.length) {
    PARAMETER.lastIndex = at;
    const found = PARAMETER.exec(value);
    if (!found) return undefined;
    const [whole, name, token, quoted] = found;
    at += whole.length;
    if (name === undefined) continue;
    const key = name.toLowerCase();
    if (parameters.has(key)) return undefined;
    parameters.set(key, token ?? (quoted as string).replace(/\\(.)/g, '$1'));
  }
  return parameters;
}

/** Undefined if the value is not a media type. */
export function mediaType(value: string): MediaType | undefined {
  const head = TYPE.exec(value);
  if (!head) return undefined;
  const parameters = parametersOf(value, head[0].length);
  return parameters && { type: (head[1] as string).toLowerCase(), parameters };
}

/** Charsets that contain ASCII unchanged, or that are recognised by content (UTF-16, UTF-32). */
const CHARSETS =
  /^(?:utf-?8|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?1|windows-125\d|cp125\d|koi8-[ru]|euc-(?:jp|kr)|gb2312|gbk|gb18030|utf-?16(?:le|be)?|utf-?32(?:le|be)?|utf8mb4|x-user-defined|binary|_charset_)?$/i;

export const isKnownCharset = (name: string): boolean => CHARSETS.test(name.trim());
