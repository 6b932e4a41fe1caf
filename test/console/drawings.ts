import sharp from 'sharp';

const petals = (n: number, path: string, fill: string) =>
  Array.from(
    { length: n },
    (_, i) => `<g transform="rotate(${(360 * i) / n})"><path d="${path}" fill="${fill}"/></g>`,
  ).join('');
const dots = (n: number, r: number, size: number, fill: string, turn: number) =>
  Array.from({ length: n }, (_, i) => {
    const a = turn + i * 2.4;
    const d = r * Math.sqrt((i + 0.6) / n);
    return `<circle cx="${(d * Math.cos(a)).toFixed(1)}" cy="${(d * Math.sin(a)).toFixed(1)}" r="${size}" fill="${fill}"/>`;
  }).join('');

/** Pictures drawn here, on 200 x 200 around the middle, so that documentation can show some without anybody else's photographs. */
const DRAWINGS: Record<string, (variant: number) => { ground: string; shape: string }> = {
  sunflower: (v) => ({
    ground: '#5d97d6',
    shape: `<rect x="-5" y="40" width="10" height="90" fill="#3c7a2b"/><ellipse cx="30" cy="80" rx="30" ry="11" fill="#3f8a2e"/>
      ${petals(18, 'M-11 -34 Q0 -96 11 -34 Z', '#f6b71c')}${petals(18, 'M-7 -32 Q0 -78 7 -32 Z', '#fbd23f')}
      <circle r="37" fill="#4b2d12"/>${dots(90, 34, 2.1, '#8a5a22', v)}`,
  }),
  pizza: (v) => ({
    ground: '#e9e2d6',
    shape: `<circle r="88" fill="#c98a42"/><circle r="78" fill="#c43a1c"/><circle r="74" fill="#f3cf74"/>
      ${dots(40, 70, 5, '#e8b54c', v)}${dots(13, 66, 11, '#a8281c', v + 1)}${dots(13, 66, 8, '#c53a2a', v + 1)}${dots(14, 66, 4, '#3f6b2a', v + 2.2)}`,
  }),
  airplane: () => ({
    ground: '#8fbfe8',
    shape: `<g transform="rotate(-9)"><path d="M-90 4 Q-84 -12 -60 -12 H50 Q84 -10 94 4 Q80 15 48 15 H-60 Q-86 14 -90 4Z" fill="#f4f6f8"/>
      <path d="M-90 2 L-104 -42 H-86 L-58 -8Z" fill="#c9342c"/><path d="M-6 6 L-44 62 H-24 L34 10Z" fill="#b9c2cb"/><path d="M0 -10 L-22 -40 H-10 L22 -11Z" fill="#cdd5dc"/>
      ${[-48, -34, -20, -6, 8, 22, 36, 50].map((x) => `<circle cx="${x}" cy="-2" r="3" fill="#3b4a5a"/>`).join('')}</g>`,
  }),
  house: () => ({
    ground: '#cfe0ee',
    shape: `<rect x="-100" y="60" width="200" height="60" fill="#7da35a"/><rect x="-60" y="-10" width="120" height="80" fill="#d9b48a"/>
      <path d="M-74 -8 L0 -68 L74 -8Z" fill="#9a3d2c"/><rect x="-14" y="24" width="28" height="46" fill="#5b3b22"/>
      <rect x="-46" y="10" width="24" height="24" fill="#eef6fb"/><rect x="24" y="10" width="24" height="24" fill="#eef6fb"/>`,
  }),
  chart: () => ({
    ground: '#ffffff',
    shape: `${[30, 60, 45, 90, 110].map((h, i) => `<rect x="${-80 + i * 34}" y="${70 - h}" width="24" height="${h}" fill="#4878a8"/>`).join('')}
      <path d="M-90 -60 V72 H92" stroke="#222" stroke-width="3" fill="none"/>`,
  }),
};

export const DRAWN = Object.keys(DRAWINGS);

/** One of the drawings; every variant is turned, sized and lit a little differently. */
export function drawing(name: string, variant = 0): Promise<Buffer> {
  const { ground, shape } = (DRAWINGS[name] as (v: number) => { ground: string; shape: string })(variant);
  const size = 1 + 0.06 * (variant % 5);
  const turn = 6 * ((variant % 7) - (variant ? 3 : 0));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="480" height="480" viewBox="-100 -100 200 200">
    <defs><radialGradient id="light" cx=".35" cy=".25" r="1"><stop offset="0" stop-color="#fff" stop-opacity=".35"/>
    <stop offset="1" stop-color="#000" stop-opacity=".35"/></radialGradient></defs>
    <rect x="-100" y="-100" width="200" height="200" fill="${ground}"/>
    <g transform="rotate(${turn}) scale(${size})">${shape}</g>
    <rect x="-100" y="-100" width="200" height="200" fill="url(#light)"/></svg>`;
  return sharp(Buffer.from(svg)).jpeg({ quality: 88 }).toBuffer();
}
