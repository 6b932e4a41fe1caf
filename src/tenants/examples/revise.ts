import type { ChangeOptions } from '../changes.ts';
import type { PutResult, Revision } from '../put.ts';
import type { TenantRecord } from '../record.ts';
import type { TenantRegistry } from '../registry.ts';
import { type ExamplesChange, type Renewal, renewedExamples, withExamples, withoutExamples } from './change.ts';
import type { ExamplePictures } from './pictures.ts';
import { picturesOf, type StoredExamples } from './stored.ts';

type Options = { waitMs: number } & ChangeOptions;

/** The tenants, and the pictures of their examples. */
export interface ExampleParts {
  tenants: TenantRegistry;
  pictures: ExamplePictures;
}

/**
 * Sets or adds examples of a class, as a new version of the tenant. Pictures are stored before, and those that are no longer used are removed.
 * @throws ServiceError as `withExamples`, `ExamplePictures.put`, and as `TenantRegistry.put`
 */
export function addExamples(
  { tenants, pictures }: ExampleParts,
  id: string,
  change: ExamplesChange,
  options: Options,
): Promise<PutResult> {
  return pictures.alone(id, async () => {
    const stored: string[] = [];
    try {
      for (const { sha256, picture } of change.images) {
        if (!picture) continue;
        stored.push(sha256);
        await pictures.put(id, sha256, picture.bytes);
      }
      return await revised({ tenants, pictures }, id, options, (old, { model }) => withExamples(old, change, model));
    } catch (error) {
      await pictures.removeUnused(id, stored, tenants.get(id).record.examples).catch(() => {});
      throw error;
    }
  });
}

/** Removes the examples of a class, or one of them, with their pictures; nothing changes where there are none. @throws ServiceError as `TenantRegistry.put` */
export function removeExamples(
  parts: ExampleParts,
  id: string,
  { class: name, sha256 }: { class: string; sha256?: string | undefined },
  options: Options,
): Promise<PutResult> {
  return parts.pictures.alone(id, () => revised(parts, id, options, (old) => withoutExamples(old, name, sha256)));
}

/** Replaces the embeddings of the examples of a class by those of another model. @throws ServiceError as `TenantRegistry.put` */
export function renewExamples(parts: ExampleParts, id: string, renewal: Renewal): Promise<PutResult> {
  return parts.pictures.alone(id, () =>
    revised(parts, id, { waitMs: 0 }, (old, { model }) =>
      model.bundle.wholeId === renewal.model ? renewedExamples(old, renewal) : undefined,
    ),
  );
}

/** Stores other examples, and removes pictures that are no longer used. @param make undefined for no change */
async function revised(
  { tenants, pictures }: ExampleParts,
  id: string,
  options: Options,
  make: (old: TenantRecord, to: Revision) => StoredExamples | undefined,
): Promise<PutResult> {
  let before: StoredExamples | undefined;
  const change = await tenants.revise(id, options, (old, to) => {
    before = old.examples;
    const { definition, source, imported } = old;
    const examples = make(old, to);
    return examples ? to.next({ definition, source, imported, examples }) : old;
  });
  await pictures.removeUnused(id, picturesOf(before).keys(), change.view.record.examples);
  return change;
}
