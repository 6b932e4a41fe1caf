import { offered } from '../../bundle/precision.ts';
import { table } from '../table.ts';
import type { FoundBundle } from './inventory.ts';

/** A size with a readable unit. */
export function size(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** One line per bundle, followed by its faults. */
export function describeList(bundles: FoundBundle[], configured: string): string {
  const rows = bundles.map(({ name, dir, manifest, bytes, faults }) => [
    dir === configured ? '*' : '',
    name,
    manifest?.version ?? '?',
    faults.length === 0 && manifest ? offered(manifest).join(', ') : '',
    size(bytes),
    faults.length === 0 ? 'whole' : 'damaged',
    dir,
  ]);
  const damaged = bundles
    .filter((b) => b.faults.length > 0)
    .map((b) => [`${b.dir} can't be served:`, ...b.faults.map((f) => `  - ${f}`)].join('\n'));
  return [table(['', 'name', 'version', 'precision', 'size', 'files', 'path'], rows, new Set([4])), ...damaged].join(
    '\n\n',
  );
}

/** Nested records of figures as lines, numbers rounded for people; a level of numbers only is one line. */
function figureLines(value: unknown, indent: string): string[] {
  if (typeof value !== 'object' || value === null) return [`${indent}${String(value)}`];
  return Object.entries(value).flatMap(([key, v]): string[] => {
    if (typeof v !== 'object' || v === null) return [`${indent}${key}: ${v}`];
    const leaves = Object.values(v);
    if (leaves.length > 0 && leaves.every((l) => typeof l !== 'object' || l === null)) {
      return [
        `${indent}${key}: ${Object.entries(v)
          .map(([k, l]) => (Array.isArray(v) ? l : `${k} ${l}`))
          .join(', ')}`,
      ];
    }
    return [`${indent}${key}:`, ...figureLines(v, `${indent}  `)];
  });
}

/** Everything that the manifest says, for people. */
export function describeInfo({ dir, manifest, bytes, faults }: FoundBundle): string {
  if (!manifest || faults.length > 0) {
    return [`${dir} can't be served:`, ...faults.map((f) => `  - ${f}`)].join('\n');
  }
  const { provenance, image, text, templates, evaluation } = manifest;
  const facts: [string, string][] = [
    ['path', dir],
    ['size', `${size(bytes)}, files complete`],
    ['licence', manifest.licence],
    ['architecture', `${provenance.architecture} (${provenance.variant} variant)`],
    ['checkpoint', provenance.checkpoint],
    ['training data', provenance.training_data.join(', ') || 'not stated'],
    ['made', `${provenance.date}${provenance.commit ? `, commit ${provenance.commit.slice(0, 12)}` : ''}`],
    ['precision', offered(manifest).join(', ')],
    ['image', `${image.size} x ${image.size} pixels, features of ${manifest.embedding_dim} numbers`],
    [
      'text',
      `up to ${text.context_length} tokens, ${text.vocabulary ? `${text.vocabulary.length} words learned` : 'no limited vocabulary'}`,
    ],
    [
      'templates',
      `${templates.yes.length}${templates.no ? `, and ${templates.no.length} of the "no" encoder` : ''}, such as ${JSON.stringify(templates.yes[0])}`,
    ],
  ];
  return [
    `${manifest.name} ${manifest.version}`,
    table(['', ''], facts, new Set()).split('\n').slice(1).join('\n'),
    ...(manifest.precisions ? ['Cost of lower precisions', figureLines(manifest.precisions, '  ').join('\n')] : []),
    ...(manifest.speed ? ['Fastest on a CPU', figureLines(manifest.speed, '  ').join('\n')] : []),
    'Measured quality',
    Object.keys(evaluation).length === 0
      ? '  The manifest gives no figures; clipn-gate eval measures them on your images.'
      : figureLines(evaluation, '  ').join('\n'),
  ].join('\n\n');
}
