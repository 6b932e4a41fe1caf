import { niceTop } from './scale.ts';

export interface ChartLine {
  name: string;
  values: (number | undefined)[];
}

interface ChartProps {
  title: string;
  lines: ChartLine[];
  format: (value: number) => string;
  /** Lower limit of the scale's upper end. */
  least?: number;
}

const WIDTH = 300;
const HEIGHT = 90;

/** Lines over the last five minutes, the newest value at the right. The current values are beside the names. */
export function Chart({ title, lines, format, least = 0 }: ChartProps) {
  const known = lines.flatMap((l) => l.values.filter((v) => v !== undefined));
  const top = niceTop(Math.max(least, ...known));
  const now = lines.map(({ name, values }) => {
    const last = values.at(-1);
    return { name, text: last === undefined ? '–' : format(last) };
  });
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <ul>
          {now.map(({ name, text }) => (
            <li key={name}>
              {name} <strong>{text}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="plot">
        <span class="top">{format(top)}</span>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
          <path class="rule-line" d={`M0 ${HEIGHT / 2}H${WIDTH}`} />
          {lines.map((line) => (
            <path key={line.name} class="line" d={pathOf(line.values, top)} />
          ))}
        </svg>
        <span class="bottom">{format(0)}</span>
      </div>
    </figure>
  );
}

/** Points in drawing units. The time scale is fixed, so that a new chart does not stretch its few points. */
const SLOTS = 150;

function pathOf(values: (number | undefined)[], top: number): string {
  const x = (i: number) => (WIDTH * (SLOTS - values.length + i)) / (SLOTS - 1);
  let drawing = false;
  let path = '';
  for (const [i, value] of values.entries()) {
    if (value === undefined) {
      drawing = false;
      continue;
    }
    const y = HEIGHT - 2 - (HEIGHT - 4) * Math.min(1, value / top);
    path += `${drawing ? 'L' : 'M'}${x(i).toFixed(1)} ${y.toFixed(1)}`;
    // a single point would be invisible
    if (!drawing) path += 'h0.5';
    drawing = true;
  }
  return path;
}
