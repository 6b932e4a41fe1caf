/** Where strings are drawn from: scripts, white space of all kinds, control characters, combining marks, emoji, words. */
const POOLS: (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x20, 0x7e],
  [0x20, 0x7e],
  [0x7f, 0xff],
  [0x100, 0x24f],
  [0x300, 0x36f],
  [0x370, 0x3ff],
  [0x400, 0x4ff],
  [0x590, 0x5ff],
  [0x600, 0x6ff],
  [0x900, 0x97f],
  [0xe00, 0xe7f],
  [0x1100, 0x11ff],
  [0x1e00, 0x1fff],
  [0x2000, 0x206f],
  [0x3040, 0x30ff],
  [0x4e00, 0x4fff],
  [0xac00, 0xadff],
  [0xf900, 0xfaff],
  [0xfe00, 0xffef],
  [0x1f300, 0x1f6ff],
  [0x20000, 0x200ff],
  [0xe0000, 0xe007f],
];
const WORDS = [
  "it's",
  'DOGS',
  "they'll",
  'a photo of a',
  '  ',
  'İstanbul',
  'ΟΔΟΣ',
  'ﬁne',
  '10,000',
  '½',
  "''quoted''",
  '<|endoftext|x',
  'straße',
  '\r\n',
  '\u0085',
  '\ufeff',
  '…',
];

/** Draws numbers from 0 to n - 1, the same ones on every machine. */
export function draw(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** Strings of all scripts, the same ones on every machine. */
export function strings(count: number): string[] {
  const next = draw(12345);
  return Array.from({ length: count }, () => {
    let text = '';
    for (let parts = 1 + next(6); parts > 0; parts--) {
      if (next(4) === 0) text += WORDS[next(WORDS.length)];
      const [from, to] = POOLS[next(POOLS.length)] as readonly [number, number];
      for (let k = next(8); k > 0; k--) text += String.fromCodePoint(from + next(to - from + 1));
      if (next(3) === 0) text += ' ';
    }
    return text;
  });
}
