import { MAX_PART_HEADER_BYTES, MAX_PART_HEADERS, MAX_PARTS } from './limits.ts';
import { isKnownCharset, type MediaType, mediaType, parametersOf } from './media-type.ts';

/** One part of a form. */
export interface FormPart {
  name: string;
  filename: string | undefined;
  type: string;
  content: Buffer;
}

/** The form deviates from RFC 2046 or 7578. Servers read such forms differently. */
export class MalformedForm extends Error {
  override readonly name = 'MalformedForm';
}

const fail = (why: string): never => {
  throw new MalformedForm(why);
};

const CRLF = Buffer.from('\r\n');
const BLANK_LINE = Buffer.from('\r\n\r\n');
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]?([\t\x20-\x7e\x80-\xff]*)$/;
const IDENTITY = /^(?:7bit|8bit|binary)$/i;

/** @throws MalformedForm */
export function boundaryOf({ parameters }: MediaType): string {
  const boundary = parameters.get('boundary');
  if (boundary === undefined || !BOUNDARY.test(boundary)) return fail('there is no valid boundary');
  return boundary;
}

/**
 * Reads the parts of a form as strictly as the standards allow: one CRLF before and after every boundary, no blanks after it,
 * nothing before the first and after the last one, known headers in the form `Name: value`.
 * @throws MalformedForm
 */
export function* partsOf(body: Buffer, type: MediaType): Generator<FormPart> {
  const delimiter = Buffer.from(`--${boundaryOf(type)}`, 'latin1');
  let count = 0;
  let at = body.subarray(0, 2).equals(CRLF) ? 2 : 0;
  if (!body.subarray(at, at + delimiter.length).equals(delimiter)) fail('it does not begin with its boundary');
  at += delimiter.length;
  for (;;) {
    if (isEnd(body, at)) return;
    if (!body.subarray(at, at + 2).equals(CRLF)) fail('there are bytes after a boundary');
    if (++count > MAX_PARTS) fail(`more than ${MAX_PARTS} parts`);
    const end = nextDelimiter(body, at, delimiter);
    yield partOf(body.subarray(at + 2, end), type.type);
    at = end + 2 + delimiter.length;
  }
}

/** Whether the last boundary's two hyphens are here; line breaks may follow them. */
function isEnd(body: Buffer, at: number): boolean {
  if (body[at] !== 0x2d || body[at + 1] !== 0x2d) return false;
  for (let i = at + 2; i < body.length; i++)
    if (body[i] !== 0x0d && body[i] !== 0x0a) fail('there are bytes after the last boundary');
  return true;
}

/** Offset of the CRLF before the next boundary. A boundary without that CRLF is malformed: Django ends the part there, too. */
function nextDelimiter(body: Buffer, from: number, delimiter: Buffer): number {
  const at = body.indexOf(delimiter, from);
  if (at < 0) return fail('it ends before its last boundary');
  if (body[at - 1] !== 0x0a || body[at - 2] !== 0x0d) return fail('a boundary without CRLF before it');
  return at - 2;
}

function partOf(part: Buffer, form: string): FormPart {
  // a part without headers begins with the blank line, because the delimiter's CRLF is already removed
  const end = part.subarray(0, 2).equals(CRLF) ? -2 : part.indexOf(BLANK_LINE);
  if (end === -1) fail('a part without a blank line after its headers');
  if (end > MAX_PART_HEADER_BYTES) fail(`headers of more than ${MAX_PART_HEADER_BYTES} bytes`);
  const headers = headersOf(end < 0 ? '' : part.toString('latin1', 0, end));
  const content = part.subarray(end + 4);
  checkHeaders(headers, content);
  const disposition = dispositionOf(headers.get('content-disposition'), form);
  return { ...disposition, type: typeOf(headers.get('content-type')), content };
}

function headersOf(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  if (text === '') return headers;
  const lines = text.split('\r\n');
  if (lines.length > MAX_PART_HEADERS) fail(`more than ${MAX_PART_HEADERS} headers`);
  for (const line of lines) {
    const found = HEADER.exec(line);
    if (!found) return fail('a header line that is not "Name: value"');
    const name = (found[1] as string).toLowerCase();
    if (headers.has(name)) fail(`the header ${name.slice(0, 40)} occurs twice`);
    headers.set(name, found[2] as string);
  }
  return headers;
}

/** Refuses headers that would make a server read the content differently. */
function checkHeaders(headers: ReadonlyMap<string, string>, content: Buffer): void {
  const encoding = headers.get('content-transfer-encoding');
  if (encoding !== undefined && !IDENTITY.test(encoding)) fail('a Content-Transfer-Encoding that is not supported');
  if (headers.has('content-encoding')) fail('a part with a Content-Encoding');
  const length = headers.get('content-length');
  if (length !== undefined && length !== String(content.length)) fail('a Content-Length that differs from the part');
}

function typeOf(value: string | undefined): string {
  if (value === undefined) return 'text/plain';
  const parsed = mediaType(value);
  if (!parsed) return /multipart|boundary/i.test(value) ? fail('nested parts') : value.slice(0, 64);
  if (parsed.type.startsWith('multipart/') || parsed.type.startsWith('message/')) fail('nested parts');
  if (!isKnownCharset(parsed.parameters.get('charset') ?? '')) fail('an unknown charset');
  return parsed.type;
}

const DISPOSITION = /^form-data(?=$|[ \t]*;)/i;
const KNOWN = new Set(['name', 'filename', 'filename*', 'size']);

function dispositionOf(value: string | undefined, form: string): Pick<FormPart, 'name' | 'filename'> {
  if (value === undefined && form !== 'multipart/form-data') return { name: '', filename: undefined };
  const head = DISPOSITION.exec(value ?? '');
  if (!head) return fail('a part that is not form-data');
  const parameters = parametersOf(percentQuotes(value as string), head[0].length);
  if (!parameters) return fail('an unreadable Content-Disposition');
  for (const name of parameters.keys()) if (!KNOWN.has(name)) fail('a Content-Disposition with an unknown parameter');
  const name = parameters.get('name');
  if (name === undefined) return fail('a part without a name');
  if (parameters.has('filename*') && !parameters.has('filename')) fail('a file name that only some servers read');
  return { name, filename: parameters.get('filename') };
}

/** Old Windows browsers do not escape backslashes in file names; only before a quote or a backslash is one an escape. */
function percentQuotes(value: string): string {
  return value.replace(/\\(?!["\\])/g, '\\\\');
}
