import type { Table } from '../tables.ts';
import { escapeMarkup } from './escape.ts';

/** Rows with the best number of a column; in cells with a slash the first number counts. */
function bestRows(rows: string[][], column: number, best: 'highest' | 'lowest' | 'none'): Set<number> {
  const values = rows.map((r) => Number.parseFloat(r[column] as string));
  if (best === 'none' || values.some(Number.isNaN)) return new Set();
  const extreme = best === 'lowest' ? Math.min(...values) : Math.max(...values);
  // if all are equal, none is the best
  if (values.every((v) => v === extreme)) return new Set();
  return new Set(values.flatMap((v, i) => (v === extreme ? [i] : [])));
}

/** A table that scrolls by itself on a narrow page, also by keyboard. The best number of each column is bold. */
export function tableHtml({ title, note, header, rows }: Table, mark: 'highest' | 'lowest' | 'none'): string {
  const best = header.map((_, c) => (c === 0 ? new Set<number>() : bestRows(rows, c, mark)));
  const head = header.map((h) => `<th scope="col">${escapeMarkup(h)}</th>`).join('');
  const body = rows.map((cells, r) => {
    const [first, ...rest] = cells.map(escapeMarkup);
    const tds = rest.map((c, i) => `<td${best[i + 1]?.has(r) ? ' class="best"' : ''}>${c}</td>`).join('');
    return `<tr><th scope="row">${first}</th>${tds}</tr>`;
  });
  const label = escapeMarkup(title);
  const small = note ? `<p class="faint">${escapeMarkup(note)}</p>` : '';
  return `<section class="table"><h3>${label}</h3>${small}<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table aria-label="${label}"><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div></section>`;
}
