import fc from 'fast-check';
import type { Picture, Sample } from './body.ts';
import { encoded, LENIENT_COUNT } from './encodings.ts';

interface Part {
  headers: string[];
  content: Buffer;
  lineBreak: string;
  blank: string;
}

/** A form in pieces, so that a quirk can change one of them. */
export interface Form {
  boundary: string;
  type: string;
  headers: [string, string][];
  preamble: Buffer;
  afterBoundary: string;
  beforeBoundary: string;
  parts: Part[];
  /** The part with the picture that is not shown at the first place. */
  hidden: Part;
  end: string;
  epilogue: Buffer;
}

const dispositionOf = (name: string, file: string | undefined) =>
  `Content-Disposition: form-data; name="${name}"${file === undefined ? '' : `; filename="${file}"`}`;

export const partOf = (name: string, content: Buffer, file?: string, type?: string): Part => ({
  headers: [dispositionOf(name, file), ...(type === undefined ? [] : [`Content-Type: ${type}`])],
  content,
  lineBreak: '\r\n',
  blank: '\r\n\r\n',
});

const ofPart =
  <K extends keyof Part>(key: K, value: Part[K]) =>
  (f: Form) => {
    f.hidden[key] = value;
  };
const ofForm =
  <K extends keyof Form>(key: K, value: Form[K]) =>
  (f: Form) => {
    f[key] = value;
  };
const both =
  (...changes: ((form: Form) => void)[]) =>
  (f: Form) => {
    for (const change of changes) change(f);
  };
const replaceHead = (from: RegExp | string, to: string) => (f: Form) => {
  f.hidden.headers[0] = (f.hidden.headers[0] ?? '').replace(from, to);
};
const addHeader = (line: string) => (f: Form) => void f.hidden.headers.push(line);
const addFirst = (line: string) => (f: Form) => void f.hidden.headers.unshift(line);
const content = (change: (bytes: Buffer) => Buffer | string) => (f: Form) => {
  f.hidden.content = Buffer.from(change(f.hidden.content) as string);
};
const escaped = (bytes: Buffer) => [...bytes].map((b) => `=${b.toString(16).toUpperCase().padStart(2, '0')}`).join('');

function inside(f: Form, type: string, disposition: boolean): void {
  const inner = `--in\r\n${f.hidden.headers.join('\r\n')}\r\n\r\n`;
  f.hidden.content = Buffer.concat([Buffer.from(inner), f.hidden.content, Buffer.from('\r\n--in--\r\n')]);
  f.hidden.headers = [
    ...(disposition ? ['Content-Disposition: form-data; name="files"'] : []),
    `Content-Type: ${type}; boundary=in`,
  ];
}

function moved(f: Form, to: 'preamble' | 'epilogue', boundary: string): void {
  f.parts = f.parts.filter((p) => p !== f.hidden);
  const text = `--${boundary}\r\n${f.hidden.headers.join('\r\n')}\r\n\r\n`;
  f[to] = Buffer.concat([
    Buffer.from(to === 'epilogue' ? `\r\n${text}` : text),
    f.hidden.content,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}

/** Deviations that a server may tolerate. */
export const QUIRKS: Record<string, (form: Form) => void> = {
  'bare LF between headers': ofPart('lineBreak', '\n'),
  'bare LF after headers': ofPart('blank', '\n\n'),
  'LF and CRLF after headers': ofPart('blank', '\n\r\n'),
  'CRLF and LF after headers': ofPart('blank', '\r\n\n'),
  'bare CR between headers': ofPart('lineBreak', '\r'),
  'bare LF after the boundary': ofForm('afterBoundary', '\n'),
  'blanks after the boundary': ofForm('afterBoundary', '  \r\n'),
  'a tab after the boundary': ofForm('afterBoundary', '\t\r\n'),
  'letters after the boundary': ofForm('afterBoundary', 'x\r\n'),
  'two line breaks after the boundary': ofForm('afterBoundary', '\r\n\r\n'),
  'bare LF before the boundary': ofForm('beforeBoundary', '\n'),
  'no line break before the boundary': ofForm('beforeBoundary', ''),
  'a space before the colon': replaceHead(':', ' :'),
  'no space after the colon': replaceHead(': ', ':'),
  'a tab after the colon': replaceHead(': ', ':\t'),
  'a header in other case': replaceHead('Content-Disposition', 'CONTENT-disposition'),
  'a junk header line': addFirst('junk'),
  'a blank before a header line': replaceHead('Content-', ' Content-'),
  'a blank header line first': addFirst(''),
  'a folded header': replaceHead('; name', ';\r\n name'),
  'a NUL in a header': replaceHead('name', '\0name'),
  attachment: replaceHead('form-data', 'attachment'),
  'FORM-DATA': replaceHead('form-data', 'FORM-DATA'),
  'inline file': replaceHead('form-data', 'inline'),
  'no disposition': (f) => void f.hidden.headers.shift(),
  'no headers': ofPart('headers', []),
  'no name': replaceHead(/ name="[^"]*";?/, ''),
  'an empty name': replaceHead(/name="[^"]*"/, 'name=""'),
  'a name without quotes': replaceHead(/name="([^"]*)"/, 'name=$1'),
  'a name in single quotes': replaceHead(/name="([^"]*)"/, "name='$1'"),
  'name*0': replaceHead('name=', 'name*0='),
  'name*': replaceHead(/name="[^"]*"/, "name*=UTF-8''photo"),
  'filename*': replaceHead(/filename="[^"]*"/, "filename*=UTF-8''a.jpg"),
  'filename twice': addToDisposition('; filename="b.jpg"'),
  'a quote in the name': replaceHead(/name="/, 'name="a\\"; filename=\\"x'),
  'an open quote': addToDisposition('; x="'),
  'a semicolon at the end': addToDisposition(';'),
  'an unknown parameter': addToDisposition('; x=1'),
  'a second disposition': addHeader('Content-Disposition: form-data; name="other"'),
  'a second type': addHeader('Content-Type: text/plain'),
  'base64 as transfer encoding': both(
    addHeader('Content-Transfer-Encoding: base64'),
    content((b) => b.toString('base64')),
  ),
  'quoted-printable': both(addHeader('Content-Transfer-Encoding: quoted-printable'), content(escaped)),
  'binary transfer encoding': addHeader('Content-Transfer-Encoding: binary'),
  'content encoding of a part': addHeader('Content-Encoding: identity'),
  'a length of a part': (f) => addHeader(`Content-Length: ${f.hidden.content.length}`)(f),
  'a wrong length of a part': addHeader('Content-Length: 3'),
  'a long header': addFirst(`X-Long: ${'a'.repeat(9000)}`),
  'a very long header': addFirst(`X-Long: ${'a'.repeat(90_000)}`),
  'many headers': (f) => void f.hidden.headers.unshift(...Array.from({ length: 40 }, (_, i) => `X-${i}: 1`)),
  'nested mixed': (f) => inside(f, 'multipart/mixed', true),
  'nested form': (f) => inside(f, 'multipart/form-data', false),
  'a type with charset': addHeader('X-Type: image/jpeg; charset=utf-16'),
  related: ofForm('type', 'multipart/related'),
  mixed: ofForm('type', 'multipart/mixed'),
  byteranges: ofForm('type', 'multipart/byteranges'),
  'type in capitals': ofForm('type', 'MULTIPART/FORM-DATA'),
  'a form of another type': ofForm('type', 'application/x-form'),
  'a second form after the end': (f) => moved(f, 'epilogue', f.boundary),
  'the picture before the form': (f) => moved(f, 'preamble', f.boundary),
  'the picture before, with another boundary': (f) => moved(f, 'preamble', 'other'),
  'a preamble': ofForm('preamble', Buffer.from('hello\r\n')),
  'a line break first': ofForm('preamble', Buffer.from('\r\n')),
  'an epilogue': ofForm('epilogue', Buffer.from('bye')),
  'line breaks after the end': ofForm('epilogue', Buffer.from('\r\n\r\n')),
  'no end': ofForm('end', ''),
  'one hyphen at the end': ofForm('end', '-'),
  'no line break at the end': ofForm('epilogue', Buffer.alloc(0)),
  'a quoted boundary': (f) => void f.headers.push(['content-type', `${f.type}; boundary="${f.boundary}"`]),
  'boundary twice': (f) => void f.headers.push(['content-type', `${f.type}; boundary=${f.boundary}; boundary=other`]),
  'another boundary first': (f) =>
    void f.headers.push(['content-type', `${f.type}; boundary=other; boundary=${f.boundary}`]),
  BOUNDARY: (f) => void f.headers.push(['content-type', `${f.type}; BOUNDARY=${f.boundary}`]),
  'boundary*': (f) => void f.headers.push(['content-type', `${f.type}; boundary*=UTF-8''${f.boundary}`]),
  'boundary with blanks': (f) => void f.headers.push(['content-type', `${f.type}; boundary = ${f.boundary}`]),
  'a comma after the boundary': (f) => void f.headers.push(['content-type', `${f.type}; boundary=${f.boundary}, x`]),
  'a charset': (f) => void f.headers.push(['content-type', `${f.type}; charset=utf-16; boundary=${f.boundary}`]),
  'two types': (f) =>
    void f.headers.push(['content-type', 'text/plain'], ['content-type', `${f.type}; boundary=${f.boundary}`]),
  'a boundary inside a line': content((b) => Buffer.concat([Buffer.from('x--bound\r\n'), b])),
  'a line break before the picture': content((b) => Buffer.concat([Buffer.from('\r\n'), b])),
  'a longer boundary in the part': (f) =>
    content((b) => Buffer.concat([Buffer.from('a'), Buffer.from(`\r\n--${f.boundary}x\r\n\r\n`), b]))(f),
  'the content is JSON': content((b) => JSON.stringify({ image: b.toString('base64') })),
};

function addToDisposition(text: string): (form: Form) => void {
  return (f) => {
    f.hidden.headers[0] = (f.hidden.headers[0] ?? '') + text;
  };
}

function written(form: Form): Buffer {
  const pieces: (Buffer | string)[] = [form.preamble];
  form.parts.forEach((part, i) => {
    pieces.push(i === 0 ? '' : form.beforeBoundary, `--${form.boundary}`, form.afterBoundary);
    pieces.push(part.headers.join(part.lineBreak), part.headers.length === 0 ? '\r\n' : part.blank, part.content);
  });
  pieces.push('\r\n', `--${form.boundary}--`.slice(0, form.boundary.length + 2), form.end, form.epilogue);
  return Buffer.concat(pieces.map((p) => Buffer.from(p as string)));
}

const BOUNDARIES = [
  'bound',
  '----WebKitFormBoundaryAbCdEf0123456789',
  "a'b(c)d+e_f,g-h.i/j:k=l?m",
  'x',
  '0'.repeat(70),
];
const TYPES = [
  'image/jpeg',
  'image/jpeg',
  'application/octet-stream',
  'text/plain',
  'image/x-tga',
  undefined,
  'text/plain; charset=utf-8',
  'application/json',
  'IMAGE/PNG',
];
const PATHS = ['/auto', '/auto', '/auto', '/multipart', '/torchserve', '/raw', '/json'];

export function formBodies(pictures: readonly Picture[], decoy: Picture): fc.Arbitrary<Sample> {
  const names = Object.keys(QUIRKS);
  return fc
    .record({
      picture: fc.constantFrom(...pictures),
      form: fc.constantFrom('file', 'file', 'file', 'field', 'base64'),
      lenient: fc.nat(LENIENT_COUNT - 1),
      at: fc.nat(200),
      quirks: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
      boundary: fc.constantFrom(...BOUNDARIES),
      decoy: fc.constantFrom('none', 'none', 'first', 'last'),
      type: fc.constantFrom(...TYPES),
      to: fc.constantFrom(...PATHS),
    })
    .map((made) => {
      const text = encoded(made.picture, made.lenient, made.at);
      const bytes = made.form === 'base64' ? Buffer.from(text.text) : made.picture.bytes;
      const hidden = partOf(
        'image',
        bytes,
        made.form === 'file' ? 'a.jpg' : undefined,
        made.form === 'field' ? undefined : made.type,
      );
      const shown = partOf('photo', decoy.bytes, 'f.jpg', 'image/jpeg');
      const parts = { none: [hidden], first: [shown, hidden], last: [hidden, shown] }[made.decoy];
      const form: Form = {
        boundary: made.boundary,
        type: 'multipart/form-data',
        headers: [],
        preamble: Buffer.alloc(0),
        afterBoundary: '\r\n',
        beforeBoundary: '\r\n',
        parts,
        hidden,
        end: '--',
        epilogue: Buffer.from('\r\n'),
      };
      for (const quirk of made.quirks) QUIRKS[quirk]?.(form);
      const quoted = /[^\w'-]/.test(form.boundary) ? `"${form.boundary}"` : form.boundary;
      const headers =
        form.headers.length > 0
          ? form.headers
          : [['content-type', `${form.type}; boundary=${quoted}`] as [string, string]];
      const how = `form: ${made.picture.name}, ${made.form}${made.form === 'base64' ? ` (${text.name})` : ''}, ${made.quirks.join(' + ') || 'no quirk'}, decoy ${made.decoy}`;
      return { made: how, path: made.to, headers, body: written(form) };
    });
}
