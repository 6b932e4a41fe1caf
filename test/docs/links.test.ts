import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { DOCUMENTS, type Document, documentAt } from '../helpers/documents.ts';
import { ROOT } from '../helpers/paths.ts';

const README_LINES = 200;

/** Anchors of the headings as GitHub makes them. */
function anchorsOf({ text }: Document): Set<string> {
  const seen = new Map<string, number>();
  const headings = text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) => {
      const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
      const slug = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-');
      const before = seen.get(slug) ?? 0;
      seen.set(slug, before + 1);
      return before === 0 ? slug : `${slug}-${before}`;
    }),
  );
}

const linksOf = ({ prose }: Document): string[] =>
  [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, to]) => to as string);
const isRelative = (link: string): boolean => !/^[a-z]+:/.test(link);

function targetOf(from: string, link: string): { path: string; anchor: string } {
  const [file = '', anchor = ''] = link.split('#');
  return { path: file === '' ? from : normalize(join(dirname(from), file)), anchor };
}

function faultOf(document: Document, link: string): string[] {
  const { path, anchor } = targetOf(document.path, link);
  if (!existsSync(join(ROOT, path))) return [`${document.path}: ${link} leads to no file`];
  if (anchor === '' || !path.endsWith('.md') || anchorsOf(documentAt(path)).has(anchor)) return [];
  return [`${document.path}: ${link} leads to no heading`];
}

describe('links of the documents', () => {
  it('a relative link of a document leads to an existing file, and its anchor to a heading', () => {
    const links = DOCUMENTS.flatMap((d) =>
      linksOf(d)
        .filter(isRelative)
        .map((link) => ({ d, link })),
    );
    assert.ok(links.length > 50);
    assert.deepEqual(
      links.flatMap(({ d, link }) => faultOf(d, link)),
      [],
    );
  });

  it('every page of docs/ can be reached from the README', () => {
    const reached = new Set(['README.md']);
    for (const path of reached) {
      const links = linksOf(documentAt(path)).filter(isRelative);
      for (const link of links) {
        const target = targetOf(path, link).path;
        if (DOCUMENTS.some((d) => d.path === target)) reached.add(target);
      }
    }
    const pages = DOCUMENTS.map((d) => d.path).filter((path) => path.startsWith('docs/'));
    assert.deepEqual(
      pages.filter((path) => !reached.has(path)),
      [],
    );
  });

  it(`the README has at most ${README_LINES} lines`, () => {
    const lines = documentAt('README.md').text.split('\n');
    assert.ok(lines.length <= README_LINES, `${lines.length} lines`);
  });
});
