import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../../errors/user-error.ts';
import type { BuildLeases } from '../leases.ts';
import type { FeatureSources } from '../text-rows.ts';
import type { NegativeWords } from './choice.ts';
import { type InstalledWordList, openWordList } from './list.ts';
import { Miner } from './miner.ts';
import { WordFeatures } from './word-features.ts';

/** The configuration names a folder without a word list. */
export class NoWordListError extends UserError {
  override readonly name = 'NoWordListError';
  override get exitCode(): 1 | 2 {
    return 2;
  }
}

export interface NegativeWordsOptions {
  /** Undefined where the installation has none. */
  list: InstalledWordList | undefined;
  bundle: { id: string; templates: { yes: string[] } };
  sources: FeatureSources;
  leases: BuildLeases;
}

/** The words of one bundle: nothing is read or encoded before a tenant needs them. */
export function negativeWords({ list, bundle, sources, leases }: NegativeWordsOptions): NegativeWords | undefined {
  if (!list) return undefined;
  const features = new WordFeatures({ list, bundleId: bundle.id, templates: bundle.templates.yes, sources, leases });
  return { features, miner: new Miner(features, sources.width) };
}

/** The word list in a folder, or the one of this installation; undefined if it has none. @throws NoWordListError for a folder without a word list */
export async function installedWordList(folder: string): Promise<InstalledWordList | undefined> {
  if (folder === '') return openWordList().catch(() => undefined);
  try {
    return await openWordList(pathToFileURL(join(resolve(folder), '/')));
  } catch (error) {
    throw new NoWordListError(
      `There is no word list in ${folder}, which CLIPN_WORDS names: ${(error as Error).message}`,
    );
  }
}
