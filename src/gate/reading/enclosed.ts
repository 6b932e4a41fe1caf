/** The characters that end a value for each one before it. A value that ends otherwise may go on for a tolerant decoder. */
const PAIRS: Record<string, string> = {
  '"': '"\\',
  "'": "'\\",
  '`': '`',
  '>': '<',
  '<': '>',
  '(': ')',
  '[': ']',
  '{': '}',
  '=': '&',
  ' ': ' ',
};
/** Longest beginning of a data URL. */
const MAX_URL_HEAD = 128;

/** Whether a value of base64 inside a text ends where every decoder ends it: it is alone, or between two marks that belong together. */
export function enclosed(text: Buffer, start: number, end: number): boolean {
  const before = text.toString('latin1', Math.max(0, start - MAX_URL_HEAD), start);
  const marked = /data:[^"'`<>(){}[\]\s]*;base64,$/i.exec(before);
  const first = marked ? start - marked[0].length : start;
  const last = end === text.length;
  if (first === 0) return last;
  const opening = String.fromCharCode(text[first - 1] as number);
  if (opening === ' ' && !marked) return false;
  if (last) return opening === '=' || opening === ' ';
  return PAIRS[opening]?.includes(String.fromCharCode(text[end] as number)) === true;
}
