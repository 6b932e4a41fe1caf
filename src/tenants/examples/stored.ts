import { type Static, Type } from 'typebox';

/** Most examples of one class, and of one tenant: all of them are in the stored record, 1.5 KB each. */
export const MOST_OF_CLASS = 100;
export const MOST_OF_TENANT = 1000;

const Example = Type.Object({
  sha256: Type.String(),
  /** The embedding, 16-bit integers of 1 / 32767, little endian, in base64. */
  embedding: Type.String(),
  added_at: Type.String(),
  /** The picture is kept, too; see `ExamplePictures`. */
  picture: Type.Optional(Type.Object({ format: Type.String() })),
});

/** The examples of one class, embedded by one model. */
const ClassExamples = Type.Object({
  /** The whole bundle, image encoder included. */
  model: Type.String(),
  images: Type.Array(Example),
});
export type ClassExamples = Static<typeof ClassExamples>;

/** Examples by the name of the class. They stay when a class leaves the definition, and count again when it returns. */
export const StoredExamples = Type.Record(Type.String(), ClassExamples);
export type StoredExamples = Static<typeof StoredExamples>;

const STEPS = 32_767;

/** @param embedding unit length, float32 [D] */
export function packed(embedding: Float32Array): string {
  const steps = Int16Array.from(embedding, (x) => Math.round(Math.max(-1, Math.min(1, x)) * STEPS));
  return Buffer.from(steps.buffer).toString('base64');
}

/** The embedding, [D], up to half a step of 1 / 32767 in each number. */
export function unpacked(text: string): Float64Array {
  const bytes = Buffer.from(text, 'base64');
  return Float64Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readInt16LE(2 * i) / STEPS);
}

/** Width of the embeddings of a model, which are equally wide in each class; `none` without any, NaN where classes differ. */
export function widthOf(examples: StoredExamples | undefined, model: string, none: number): number {
  const widths = Object.values(examples ?? {})
    .filter((of) => of.model === model)
    .map(({ images }) => unpacked(images[0]?.embedding ?? '').length);
  return widths.every((width) => width === widths[0]) ? (widths[0] ?? none) : Number.NaN;
}

/** SHA-256 of each example with a kept picture, and the format of the picture. */
export function picturesOf(examples: StoredExamples | undefined): Map<string, string> {
  const images = Object.values(examples ?? {}).flatMap((of) => of.images);
  return new Map(images.flatMap(({ sha256, picture }) => (picture ? [[sha256, picture.format]] : [])));
}

/** The examples with other knowledge about pictures. @param formats of the pictures that are kept, by SHA-256 */
export function withPictures(examples: StoredExamples, formats: ReadonlyMap<string, string>): StoredExamples {
  const known = ({ picture: _, ...image }: ClassExamples['images'][number]) => {
    const format = formats.get(image.sha256);
    return format === undefined ? image : { ...image, picture: { format } };
  };
  return Object.fromEntries(
    Object.entries(examples).map(([name, of]) => [name, { ...of, images: of.images.map(known) }]),
  );
}
