/** A cell without a figure. */
export const MISSING = 'n/a';

/** A share in percent with two digits, as in the papers. */
export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? MISSING : (100 * share).toFixed(2);
