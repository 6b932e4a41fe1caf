import assert from 'node:assert/strict';

const VOID = new Set(['meta', 'img', 'br', 'link', 'input', 'hr']);

/** Every element is closed in its turn, attributes are quoted, ids are unique, text holds no stray markup. */
export function assertWellFormed(html: string): void {
  assert.match(html, /^<!doctype html>\n<html lang="en">/);
  const open: string[] = [];
  const body = html.replace(/^<!doctype html>/, '').replace(/<style>[\s\S]*?<\/style>/, '<style></style>');
  const tags = body.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9-]*(?:="[^"<]*")?)*)\s*(\/?)>/g);
  let rest = body;
  for (const [tag, closing, name, , self] of tags as IterableIterator<[string, string, string, string, string]>) {
    const at = rest.indexOf(tag);
    assert.ok(!/[<>]/.test(rest.slice(0, at)), `stray markup before ${tag}: ${rest.slice(0, at).slice(-120)}`);
    rest = rest.slice(at + tag.length);
    if (closing) assert.equal(open.pop(), name, `${tag} closes something else`);
    else if (!self && !VOID.has(name)) open.push(name);
  }
  assert.ok(!/[<>]/.test(rest), `stray markup at the end: ${rest.slice(0, 120)}`);
  assert.deepEqual(open, []);
  assert.doesNotMatch(body, /&(?!amp;|lt;|gt;|quot;|#39;)/, 'ampersands are escaped');
}

/** Nothing in it makes a browser ask anybody for anything. */
export function assertSelfContained(html: string): void {
  const addresses = [...html.matchAll(/\s(?:src|href|srcset|action|poster|data|xlink:href)="([^"]*)"/g)].map(
    (m) => m[1],
  );
  for (const address of addresses) assert.match(String(address), /^data:image\/jpeg;base64,/);
  assert.doesNotMatch(html, /<(?:script|link|iframe|object|embed|base|form)\b/i);
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? '';
  assert.doesNotMatch(style, /url\(|@import|https?:/);
  assert.match(html, /Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/);
}
