const HEADING = '## [Unreleased]';

/** Start and end of the text under a heading, up to the next heading of the same level. */
function bounds(text: string, heading: string): [from: number, to: number] {
  const at = text.indexOf(`\n${heading}`);
  if (at < 0) throw new Error(`CHANGELOG.md has no heading "${heading}"`);
  const from = text.indexOf('\n', at + 1) + 1;
  const next = text.indexOf('\n## ', from);
  return [from, next < 0 ? text.length : next + 1];
}

/** The text under [Unreleased], without blank lines around it; "" where only headings are there. */
export function unreleased(text: string): string {
  const section = text.slice(...bounds(text, HEADING)).trim();
  return /^[^#\s]/m.test(section) ? section : '';
}

/** The changelog in which what was unreleased is the section of a version, and [Unreleased] is empty. */
export function released(text: string, version: string, date: string): string {
  return text.replace(`\n${HEADING}\n`, `\n${HEADING}\n\n## [${version}] - ${date}\n`);
}

/** The text of one version's section. */
export const sectionOf = (text: string, version: string): string =>
  text.slice(...bounds(text, `## [${version}]`)).trim();
