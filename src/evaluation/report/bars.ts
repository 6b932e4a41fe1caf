import { escapeMarkup } from './escape.ts';

/** One bar: a share between 0 and 1. */
export interface Bar {
  label: string;
  share: number;
}

const WIDTH = 320;
const ROW = 18;
const LEFT = 96;
const RIGHT = 44;

/**
 * Horizontal bars of shares from 0 to 1, one per row, each with its number in percent, in the order given.
 * @param better which end is better; it chooses the colour, and the text for screen readers names it
 */
export function barsChart(title: string, bars: Bar[], better: 'highest' | 'lowest'): string {
  const height = bars.length * ROW + 6;
  const width = WIDTH - LEFT - RIGHT;
  const rows = bars.map(({ label, share }, i) => {
    const y = 3 + i * ROW;
    const length = (width * share).toFixed(1);
    const value = (100 * share).toFixed(2);
    return `<text class="name" x="${LEFT - 6}" y="${y + 12}" text-anchor="end">${escapeMarkup(label)}</text><rect class="bar${better === 'lowest' ? ' low' : ''}" x="${LEFT}" y="${y + 2}" width="${length}" height="${ROW - 5}"/><text class="value" x="${LEFT + Number(length) + 4}" y="${y + 12}">${value}</text>`;
  });
  const spoken = `${title}, ${better} is best: ${bars.map((b) => `${b.label} ${(100 * b.share).toFixed(2)} %`).join(', ')}`;
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeMarkup(spoken)}"><line class="grid" x1="${LEFT}" x2="${LEFT}" y1="0" y2="${height}"/>${rows.join('')}</svg>`;
}
