import { defined } from '../../defined.ts';
import { ServiceError } from '../../errors/index.ts';
import { nameOf } from '../classes.ts';
import type { TenantModel } from '../heads.ts';
import type { TenantRecord } from '../record.ts';
import { MOST_OF_CLASS, MOST_OF_TENANT, packed, type StoredExamples } from './stored.ts';

/** An image with its embedding, [D] of unit length. */
export interface EmbeddedImage {
  sha256: string;
  embedding: Float32Array;
  /** To be kept with the example. */
  picture?: { format: string; bytes: Uint8Array } | undefined;
}

export interface ExamplesChange {
  class: string;
  images: readonly EmbeddedImage[];
  /** Whether they are added to those so far, instead of replacing them. */
  add: boolean;
  /** `TenantModel.bundle.wholeId` of the model that embedded them. */
  model: string;
}

/** @throws ServiceError class_not_found */
export function checkClass({ id, definition }: TenantRecord, name: string): void {
  if (definition.classes.some((entry) => nameOf(entry) === name)) return;
  throw new ServiceError(
    'class_not_found',
    `Tenant "${id}" has no class ${JSON.stringify(name.slice(0, 64))}. Add it to the classes first; {"name": ..., "text": false} is a class by examples only.`,
  );
}

/** @throws ServiceError class_not_found, examples_unsupported, tenant_conflict, too_many_images */
export function withExamples(old: TenantRecord, change: ExamplesChange, model: TenantModel): StoredExamples {
  checkClass(old, change.class);
  assertSupported(model);
  if (change.model !== model.bundle.wholeId) {
    throw new ServiceError('tenant_conflict', 'The model has changed since the images were embedded. Try again.', {
      retryAfterSeconds: 1,
    });
  }
  const former = old.examples?.[change.class];
  const images = change.add && former?.model === change.model ? [...former.images] : [];
  const added_at = new Date().toISOString();
  for (const { sha256, embedding, picture } of change.images) {
    const kept = picture && { picture: { format: picture.format } };
    const place = images.findIndex((image) => image.sha256 === sha256);
    if (place < 0) images.push({ sha256, embedding: packed(embedding), added_at, ...kept });
    else images[place] = { ...(images[place] as (typeof images)[0]), ...kept };
  }
  const examples = { ...old.examples, [change.class]: { model: change.model, images } };
  const total = Object.values(examples).reduce((sum, { images }) => sum + images.length, 0);
  if (images.length > MOST_OF_CLASS || total > MOST_OF_TENANT) {
    const [limit, of] = images.length > MOST_OF_CLASS ? [MOST_OF_CLASS, 'class'] : [MOST_OF_TENANT, 'tenant'];
    throw new ServiceError('too_many_images', `A ${of} may have at most ${limit} examples.`, { extra: { limit } });
  }
  return examples;
}

/** New embeddings of the examples of a class, all by one model. */
export interface Renewal {
  class: string;
  model: string;
  embeddings: ReadonlyMap<string, Float32Array>;
}

/** The examples with new embeddings; undefined where they are no longer the same images, or already those of the model. */
export function renewedExamples(
  old: TenantRecord,
  { class: name, model, embeddings }: Renewal,
): StoredExamples | undefined {
  const former = old.examples?.[name];
  if (!former || former.model === model) return undefined;
  const images = former.images.flatMap((image) => {
    const embedding = embeddings.get(image.sha256);
    return embedding ? [{ ...image, embedding: packed(embedding) }] : [];
  });
  return images.length < former.images.length ? undefined : { ...old.examples, [name]: { model, images } };
}

/** The examples without those of a class, or without one image of it; undefined where nothing changes. */
export function withoutExamples(old: TenantRecord, name: string, sha256?: string): StoredExamples | undefined {
  const former = old.examples?.[name];
  const images = former?.images.filter((image) => sha256 !== undefined && image.sha256 !== sha256) ?? [];
  if (!former || images.length === former.images.length) return undefined;
  const { [name]: _, ...others } = old.examples as StoredExamples;
  return images.length === 0 ? others : { ...others, [name]: { ...former, images } };
}

/** @throws ServiceError examples_unsupported */
export function assertSupported({ bundle }: TenantModel): void {
  if (bundle.imageDirections) return;
  throw new ServiceError(
    'examples_unsupported',
    'The model bundle has no image_directions, which examples need: `python -m clipn_models image-directions` adds them.',
  );
}

/** A class with examples, as its owner sees it. */
export interface ClassWithExamples {
  class: string;
  images: number;
  /** Whether another model embedded them, so that they do not count until they are sent again. */
  lacking?: true;
}

export function examplesOf({ examples = {}, definition }: TenantRecord, model: string): ClassWithExamples[] {
  const names = new Set(definition.classes.map(nameOf));
  return Object.entries(examples)
    .filter(([name]) => names.has(name))
    .map(([name, of]) => ({
      class: name,
      images: of.images.length,
      ...defined({ lacking: of.model === model ? undefined : (true as const) }),
    }));
}
