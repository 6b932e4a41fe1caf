/** A line of ImageNet's LOC_synset_mapping.txt: the WordNet id of a class, a blank, and its synonyms with commas between. */
const LINE = /^(n\d{8}) (.+)$/;

/** Whether a folder is named by a WordNet id, as the folders of ImageNet are. */
export const isWordNetId = (folder: string): boolean => /^n\d{8}$/.test(folder);

/** The first synonym of each WordNet id; undefined if any line has another form. */
export function synsetsOf(lines: string[]): Map<string, string> | undefined {
  const names = new Map<string, string>();
  for (const line of lines) {
    const [, id, synonyms] = LINE.exec(line.trim()) ?? [];
    if (id === undefined || synonyms === undefined) return undefined;
    names.set(id, (synonyms.split(',')[0] as string).trim());
  }
  return names.size > 0 ? names : undefined;
}
