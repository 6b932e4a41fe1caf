/** Characters that a terminal shows over two columns: East Asian wide and fullwidth ones, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f1e6}-\u{1f1ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

const widthOfGrapheme = (grapheme: string) =>
  /^[\p{Mn}\p{Me}\p{Cf}]+$/u.test(grapheme) ? 0 : WIDE.test(grapheme) ? 2 : 1;

/** Columns of a terminal that a text takes (Unicode Standard Annex 11). A terminal may disagree about new emoji. */
export function textWidth(text: string): number {
  // almost all texts
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += widthOfGrapheme(segment);
  return width;
}

/** The beginning of a text that takes at most so many columns, with an ellipsis if the end is cut off. */
export function fitText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns < 1) return '';
  let kept = '';
  let width = 1;
  for (const { segment } of graphemes.segment(text)) {
    width += widthOfGrapheme(segment);
    if (width > columns) break;
    kept += segment;
  }
  return `${kept}…`;
}
