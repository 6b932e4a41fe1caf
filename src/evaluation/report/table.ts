import { MISSING } from '../percent.ts';
import type { PairedFigure, Table } from '../tables.ts';
import { escapeMarkup } from './escape.ts';

/** One column as it is drawn. A column of cells with a slash is two of them. */
interface DrawnColumn {
  values: string[];
  best: PairedFigure['best'] | 'none';
}

/** Rows with the best number of a column; none of a column that lacks a number, or whose numbers are all equal. */
function bestRows({ values, best }: DrawnColumn): Set<number> {
  const numbers = values.map(Number.parseFloat);
  if (best === 'none' || numbers.some(Number.isNaN)) return new Set();
  const extreme = best === 'lowest' ? Math.min(...numbers) : Math.max(...numbers);
  if (numbers.every((v) => v === extreme)) return new Set();
  return new Set(numbers.flatMap((v, i) => (v === extreme ? [i] : [])));
}

/** The two figures of a cell; one of them, or both, may be missing. */
function pairOf(cell: string): [string, string] | undefined {
  if (cell === MISSING) return [MISSING, MISSING];
  const [, first, second] = /^(n\/a|[^/]+)\/(.+)$/.exec(cell) ?? [];
  return first === undefined || second === undefined ? undefined : [first, second];
}

/** Whether a column of a table has two figures per cell. */
const isPair = ({ rows, parts }: Table, column: number) =>
  parts !== undefined && rows.some((r) => r[column] !== MISSING && pairOf(r[column] as string) !== undefined);

function columnsOf(table: Table, best: DrawnColumn['best']): DrawnColumn[] {
  const { header, rows, parts } = table;
  return header.slice(1).flatMap((_, i): DrawnColumn[] => {
    const cells = rows.map((r) => r[i + 1] as string);
    if (!parts || !isPair(table, i + 1)) return [{ values: cells, best }];
    return parts.map((part, at) => ({
      values: cells.map((cell) => pairOf(cell)?.[at] ?? cell),
      best: best === 'none' ? best : part.best,
    }));
  });
}

/** The head: one line, or two if columns are pairs, with the set's name above the names of its figures. */
function headOf(table: Table): string {
  const { header, parts } = table;
  const pairs = header.map((_, i) => i > 0 && isPair(table, i));
  if (!parts || !pairs.includes(true))
    return `<tr>${header.map((h) => `<th scope="col">${escapeMarkup(h)}</th>`).join('')}</tr>`;
  const above = header.map((h, i) =>
    pairs[i]
      ? `<th scope="colgroup" colspan="2" class="pair">${escapeMarkup(h)}</th>`
      : `<th scope="col" rowspan="2">${escapeMarkup(h)}</th>`,
  );
  const names = parts.map(({ name }) => `<th scope="col">${escapeMarkup(name)}</th>`).join('');
  return `<tr>${above.join('')}</tr><tr>${pairs.map((pair) => (pair ? names : '')).join('')}</tr>`;
}

/** Published rows as a group of their own: they compete with no measured figure. */
function publishedBody(table: Table, rows: string[][], columns: number): string {
  const body = rows.map(([label, ...cells]) => {
    const values = cells.flatMap((cell, i) => (isPair(table, i + 1) ? (pairOf(cell) ?? [cell, MISSING]) : [cell]));
    const tds = values.map((v) => `<td>${escapeMarkup(v)}</td>`).join('');
    return `<tr><th scope="row">${escapeMarkup(label as string)}</th>${tds}</tr>`;
  });
  return `<tbody class="published"><tr><th scope="rowgroup" colspan="${columns + 1}">published</th></tr>${body.join('')}</tbody>`;
}

const notes = (lines: string[]) => lines.map((line) => `<p class="faint">${escapeMarkup(line)}</p>`).join('');

/**
 * A table that scrolls by itself on a narrow page, also by keyboard. Cells of two figures become two columns, as in papers. The best
 * number of each column is bold.
 */
export function tableHtml(table: Table, mark: DrawnColumn['best']): string {
  const columns = columnsOf(table, mark);
  const best = columns.map(bestRows);
  const body = table.rows.map((cells, r) => {
    const tds = columns.map(
      ({ values }, c) => `<td${best[c]?.has(r) ? ' class="best"' : ''}>${escapeMarkup(values[r] as string)}</td>`,
    );
    return `<tr><th scope="row">${escapeMarkup(cells[0] as string)}</th>${tds.join('')}</tr>`;
  });
  const { published } = table;
  const label = escapeMarkup(table.title);
  const small = table.note ? `<p class="faint">${escapeMarkup(table.note)}</p>` : '';
  return `<section class="table"><h3>${label}</h3>${small}<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table aria-label="${label}"><thead>${headOf(table)}</thead><tbody>${body.join('')}</tbody>${published ? publishedBody(table, published.rows, columns.length) : ''}</table></div>${published ? notes(published.notes) : ''}</section>`;
}
