import { describeConfig } from '../../src/config/index.ts';

const SECTION = /<!-- configuration -->\n[\s\S]*?<!-- \/configuration -->/;

/** Exact binary sizes and durations as people write them; everything else as it is. */
function readable(value: string, kind: string): string {
  const n = Number(value);
  if (kind === 'bytes' && n > 0) {
    for (const [unit, bytes] of [
      ['GiB', 2 ** 30],
      ['MiB', 2 ** 20],
      ['KiB', 2 ** 10],
    ] as const)
      if (n % bytes === 0) return `${n / bytes}${unit}`;
  }
  if (kind === 'milliseconds' && n > 0) {
    for (const [unit, ms] of [
      ['h', 3_600_000],
      ['m', 60_000],
      ['s', 1000],
    ] as const)
      if (n % ms === 0) return `${n / ms}${unit}`;
    return `${n}ms`;
  }
  return value;
}

/** The table of docs/configuration.md: one row per setting, in the order of the schema. */
function configurationTable(): string {
  const rows = describeConfig().map(
    ({ variable, flag, kind, default: fallback, meaning }) =>
      `| \`${variable}\` | \`--${flag}\` | ${fallback === '' ? 'empty' : `\`${readable(fallback, kind)}\``} | ${meaning} |`,
  );
  return ['| variable | flag | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** @returns the document with the table that the schema gives @throws when the document has no markers for it */
export function withConfigurationTable(document: string): string {
  if (!SECTION.test(document)) throw new Error('the document has no section between the configuration markers');
  return document.replace(SECTION, () => `<!-- configuration -->\n${configurationTable()}\n<!-- /configuration -->`);
}
