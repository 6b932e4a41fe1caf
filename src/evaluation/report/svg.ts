import type { Histogram } from '../histogram.ts';
import type { Curve } from '../metrics.ts';
import { escapeMarkup } from './escape.ts';

/** A drawn set: `series` selects colour and dashes of the style sheet; 0 is ID. */
export interface DrawnSet {
  label: string;
  series: number;
}

const WIDTH = 320;
const MARGIN = { left: 40, right: 10, top: 8, bottom: 26 };

const px = (x: number) => x.toFixed(1).replace(/\.0$/, '');
const short = (x: number, digits = 3) => String(Number(x.toPrecision(digits)));

/** Numbers as labels, with the fewest digits that distinguish them. */
function labels(values: number[]): string[] {
  for (let digits = 3; ; digits++) {
    const texts = values.map((v) => short(v, digits));
    if (new Set(texts).size === values.length || digits === 15) return texts;
  }
}

type Scale = (value: number) => number;

const linear =
  (low: number, high: number, from: number, to: number): Scale =>
  (v) =>
    from + ((v - low) / (high - low)) * (to - from);

function frame(height: number, label: string, content: string): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeMarkup(label)}">${content}</svg>`;
}

/** Three labelled ticks along the bottom and lines up from them. */
function xAxis(x: Scale, values: number[], top: number, bottom: number): string {
  const texts = labels(values);
  return values
    .map((v, i) => {
      const anchor = i === 0 ? 'start' : i === values.length - 1 ? 'end' : 'middle';
      return `<line class="grid" x1="${px(x(v))}" x2="${px(x(v))}" y1="${top}" y2="${bottom}"/><text x="${px(x(v))}" y="${bottom + 15}" text-anchor="${anchor}">${texts[i]}</text>`;
    })
    .join('');
}

function yAxis(y: Scale, values: number[], label: (v: number) => string): string {
  return values
    .map(
      (v) =>
        `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${px(y(v))}" y2="${px(y(v))}"/><text x="${MARGIN.left - 5}" y="${px(y(v) + 3.5)}" text-anchor="end">${label(v)}</text>`,
    )
    .join('');
}

/**
 * Histograms over one range: the ID set is filled, the others are outlines. Heights are square roots of shares, so that the few
 * overlapping images are visible beside the many others.
 * @param threshold of the rule on this score, if it has a fixed one
 */
export function histogramChart(
  title: string,
  sets: (DrawnSet & { histogram: Histogram })[],
  threshold?: number,
): string {
  const height = 170;
  const bottom = height - MARGIN.bottom;
  const first = sets[0]?.histogram as Histogram;
  const { low, high } = first;
  const top = Math.max(...sets.map(({ histogram }) => Math.max(...histogram.shares)));
  const x = linear(low, high, MARGIN.left, WIDTH - MARGIN.right);
  const y: Scale = (share) => bottom - Math.sqrt(share / top) * (bottom - MARGIN.top);
  const outline = ({ shares }: Histogram) => {
    const step = (high - low) / shares.length;
    const steps = [...shares].map((s, i) => `V${px(y(s))}H${px(x(low + (i + 1) * step))}`).join('');
    return `M${px(x(low))} ${bottom}${steps}V${bottom}`;
  };
  const paths = sets.map(
    ({ histogram, series }) => `<path class="${series === 0 ? 'area' : 'line'} s${series}" d="${outline(histogram)}"/>`,
  );
  const line =
    threshold === undefined
      ? ''
      : `<line class="threshold" x1="${px(x(threshold))}" x2="${px(x(threshold))}" y1="${MARGIN.top}" y2="${bottom}"/>`;
  const axes =
    xAxis(x, [low, (low + high) / 2, high], MARGIN.top, bottom) +
    yAxis(y, [top / 4, top], (v) => `${short(100 * v, 2)}%`);
  const label = `Histogram of ${title}: ${sets.map((s) => s.label).join(', ')}. Values from ${short(low)} to ${short(high)}.`;
  return frame(height, label, axes + paths.join('') + line);
}

/** Largest number of points of a drawn curve; more points than pixels have no effect. */
const POINTS = 160;

/** The curve's corners in drawing units, reduced to one per cell of a fine grid; both ends are kept. */
function polyline({ idCount, oodCount, idAccepted, oodAccepted }: Curve, x: Scale, y: Scale): string {
  const points: string[] = [];
  let cell = '';
  for (let i = 0; i < idAccepted.length; i++) {
    const fpr = (oodAccepted[i] as number) / oodCount;
    const tpr = (idAccepted[i] as number) / idCount;
    const here = `${Math.round(fpr * POINTS)},${Math.round(tpr * POINTS)}`;
    if (here === cell && i < idAccepted.length - 1) continue;
    cell = here;
    points.push(`${px(x(fpr))},${px(y(tpr))}`);
  }
  return points.join(' ');
}

/** A rule in the charts. Each rule has a shape of its own, so that marks at the same place are both visible. */
export interface Marked {
  label: string;
  /** 0 circle, 1 square, 2 diamond, 3 and 4 triangles, 5 cross; further ones start again. */
  mark: number;
}

function shape(which: number, x: number, y: number): string {
  const mark = which % 6;
  if (mark === 0) return `<circle class="mark" cx="${px(x)}" cy="${px(y)}" r="3.5"/>`;
  if (mark === 1) return `<rect class="mark" x="${px(x - 4.5)}" y="${px(y - 4.5)}" width="9" height="9"/>`;
  if (mark === 3) return `<path class="mark" d="M${px(x)} ${px(y - 6)}l6 11h-12z"/>`;
  if (mark === 4) return `<path class="mark" d="M${px(x)} ${px(y + 6)}l6-11h-12z"/>`;
  if (mark === 5) return `<path class="mark" d="M${px(x - 5)} ${px(y - 5)}l10 10m0-10l-10 10"/>`;
  return `<path class="mark" d="M${px(x)} ${px(y - 8)}l8 8-8 8-8-8z"/>`;
}

/** ROC curves, with the operating points of the threshold-free rules as marks. */
export function rocChart(
  title: string,
  curves: (DrawnSet & { curve: Curve })[],
  marks: (Marked & { fpr: number; tpr: number })[],
): string {
  const height = 300;
  const bottom = height - MARGIN.bottom;
  const x = linear(0, 1, MARGIN.left, WIDTH - MARGIN.right);
  const y = linear(0, 1, bottom, MARGIN.top);
  const axes =
    xAxis(x, [0, 0.5, 1], MARGIN.top, bottom) +
    yAxis(y, [0, 0.5, 0.95, 1], (v) => short(v)) +
    `<line class="diagonal" x1="${px(x(0))}" y1="${px(y(0))}" x2="${px(x(1))}" y2="${px(y(1))}"/>`;
  const lines = curves.map(
    ({ curve, series }) => `<polyline class="line s${series}" points="${polyline(curve, x, y)}"/>`,
  );
  const points = marks.toReversed().map(({ mark, fpr, tpr }) => shape(mark, x(fpr), y(tpr)));
  const places = marks.map((m) => `${m.label} at ${short(m.fpr)}, ${short(m.tpr)}`);
  const label = `ROC curves against ${title}: share of ID accepted over share of OOD accepted, ${curves.map((c) => c.label).join(', ')}. ${places.join('; ')}.`;
  return frame(height, label, axes + lines.join('') + points.join(''));
}

/** The legend: the name of each series or rule, with its colour and dashes, or its shape. */
export function legend(drawn: DrawnSet[], marked: Marked[] = []): string {
  const item = (label: string, sample: string) =>
    `<li><svg viewBox="0 0 28 20" width="28" height="20" aria-hidden="true">${sample}</svg>${escapeMarkup(label)}</li>`;
  const items = [
    ...drawn.map(({ label, series }) =>
      item(
        label,
        series === 0
          ? '<path class="area s0" d="M1 16V4H27V16"/>'
          : `<line class="line s${series}" x1="1" x2="27" y1="10" y2="10"/>`,
      ),
    ),
    ...marked.map(({ label, mark }) => item(label, shape(mark, 14, 10))),
  ];
  return `<ul class="legend">${items.join('')}</ul>`;
}
