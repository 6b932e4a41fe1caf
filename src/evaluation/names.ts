/**
 * Names and order of scores and rules in tables and figures. A verdict may have more of them than every verdict has, for example those
 * that need negative labels; whatever all images of a set have is measured.
 */
const LABELS: Record<string, string> = {
  ctw: 'CTW',
  atd: 'ATD',
  atd_rescaled: 'ATD rescaled',
  msp: 'MSP',
  max_logit: 'MaxLogit',
  energy: 'Energy',
  mcm: 'MCM',
  gl_mcm: 'GL-MCM',
  logit_gap: 'LogitGap',
  neglabel: 'NegLabel',
  csp: 'CSP',
  combined: 'Combined',
  calibrated: 'Calibrated',
};

const ORDER = Object.keys(LABELS);
const place = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);

/** The name of a score or rule for people; the field's own name where none is known. */
export const labelOf = (name: string): string => LABELS[name] ?? name;

/** Each name once, in the order of tables: CLIPN's, then the others; unknown ones last, by name. */
export function inOrder(names: Iterable<string>): string[] {
  return [...new Set(names)].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}
