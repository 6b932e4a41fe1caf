import { type Static, Type } from 'typebox';
import { FILES, SHARED_WEIGHTS } from './file-names.ts';

const closed = { additionalProperties: false };
const Triple = Type.Tuple([Type.Number(), Type.Number(), Type.Number()]);
const Template = Type.String({ pattern: '\\{\\}' });

export const PARTS = ['image', 'text-yes', 'text-no'] as const;
export type GraphPart = (typeof PARTS)[number];
/** Precisions that a bundle may have in addition to its base precision. */
export const EXTRA_PRECISIONS = ['fp16', 'int8'] as const;
export type ExtraPrecision = (typeof EXTRA_PRECISIONS)[number];
export type Precision = 'fp32' | ExtraPrecision;

/** The only name a graph of an extra precision may have. */
export const graphFile = (part: GraphPart, precision: ExtraPrecision) => `${part}.${precision}.onnx` as const;
export type ExtraFile = ReturnType<typeof graphFile>;
const EXTRA_FILES = EXTRA_PRECISIONS.flatMap((precision) => PARTS.map((part) => graphFile(part, precision)));

const FileEntry = Type.Object(
  { sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }), bytes: Type.Integer({ minimum: 0 }) },
  closed,
);

const Share = Type.Number({ minimum: 0, maximum: 1 });
const Cosine = Type.Object(
  { mean: Type.Number({ minimum: -1, maximum: 1.001 }), min: Type.Number({ minimum: -1, maximum: 1.001 }) },
  closed,
);

/** Cost of a lower precision against the base, measured on inputs that were not used to make it. */
const Quality = Type.Object(
  {
    inputs: Type.Union([Type.Literal('photographs'), Type.Literal('made')]),
    images: Type.Integer({ minimum: 1 }),
    classes: Type.Integer({ minimum: 1 }),
    image_cosine: Cosine,
    text_cosine: Type.Optional(Cosine),
    probability_difference: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Largest difference of any p, p_no or p_{C+1}.',
    }),
    score_differences: Type.Optional(
      Type.Record(Type.String(), Type.Number({ minimum: 0 }), { description: 'Largest difference of each score.' }),
    ),
    equal_decisions: {
      ...Share,
      description:
        'Share of images that are decided as before (in or out of distribution), by the rule that changes most; a mean over tenants of ten classes.',
    },
  },
  closed,
);

const PrecisionEntry = Type.Object(
  {
    graphs: Type.Array(Type.Union([Type.Literal('image'), Type.Literal('text-yes'), Type.Literal('text-no')]), {
      minItems: 1,
      uniqueItems: true,
      description: "Parts with a graph of their own, <part>.<precision>.onnx; the other parts use the base's graphs.",
    }),
    tolerance: Type.Number({
      exclusiveMinimum: 0,
      maximum: 0.1,
      description: 'Tolerance of the golden check of those graphs.',
    }),
    quality: Quality,
    method: Type.Optional(Type.String()),
    gain: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        description: 'Speed relative to the base, measured where the graphs were made.',
      }),
    ),
  },
  closed,
);

/** The fastest way to run an image graph on the CPU where it was measured. */
const Speed = Type.Object(
  {
    cores: Type.Integer({ minimum: 1, description: 'Cores that were used.' }),
    lanes: Type.Integer({ minimum: 1, description: 'Sessions that ran beside each other.' }),
    batch: Type.Integer({ minimum: 1, maximum: 4, description: 'Images in one run.' }),
    images_per_second: Type.Number({ exclusiveMinimum: 0 }),
  },
  closed,
);

/** bundle.json, format 1. Only `provenance` and `evaluation` may have unknown fields. */
export const Manifest = Type.Object(
  {
    format: Type.Literal(1),
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' }),
    version: Type.String({ pattern: '^\\d+\\.\\d+\\.\\d+' }),
    licence: Type.String({ minLength: 1 }),
    provenance: Type.Object({
      architecture: Type.String(),
      variant: Type.Union([Type.Literal('learnable'), Type.Literal('hand-crafted')]),
      checkpoint: Type.String(),
      training_data: Type.Array(Type.String()),
      commit: Type.Union([Type.String(), Type.Null()]),
      date: Type.String(),
    }),
    image: Type.Object(
      {
        size: Type.Integer({ minimum: 8, maximum: 1024 }),
        resize: Type.Literal('shorter-side-bicubic-antialias'),
        crop: Type.Literal('centre'),
        mean: Triple,
        std: Triple,
        layout: Type.Literal('NHWC'),
        dtype: Type.Literal('uint8'),
        patches: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 4096,
            description:
              "Number of an image's patches whose features the image graph gives as well, `patches` float32 [N, P, D], unit length; without it the graph gives none.",
          }),
        ),
      },
      closed,
    ),
    text: Type.Object(
      {
        context_length: Type.Integer({ minimum: 3, maximum: 1024 }),
        tokenizer: Type.Literal('tokenizer.json'),
        pad_id: Type.Integer({ minimum: 0 }),
        vocabulary: Type.Union([Type.Array(Type.String()), Type.Null()], {
          description: 'Words that the text towers saw in training; null if the vocabulary is not limited.',
        }),
        clean: Type.Optional(
          Type.Literal('clip', {
            description:
              'Clean-up of every text before the tokenizer; its tables are in tokenizer.json. If absent, there is none.',
          }),
        ),
      },
      closed,
    ),
    embedding_dim: Type.Integer({ minimum: 1, maximum: 8192 }),
    logit_scale: Type.Number({ exclusiveMinimum: 0 }),
    image_directions: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9+/]+={0,2}$',
        description:
          'Orthogonal float32 rows [K, embedding_dim], little endian, in base64: the direction of the mean photograph and those in which photographs differ ' +
          'most, of unit length; then shorter rows, the directions that are lessened only. Class features from example images need them.',
      }),
    ),
    templates: Type.Object(
      {
        yes: Type.Array(Template, { minItems: 1 }),
        no: Type.Union([Type.Array(Template, { minItems: 1 }), Type.Null()], {
          description: 'Templates of the no encoder; null if both encoders use the same ones.',
        }),
      },
      closed,
    ),
    precision: Type.Union([Type.Literal('fp32'), Type.Literal('fp16'), Type.Literal('int8')]),
    precisions: Type.Optional(
      Type.Object({ fp16: Type.Optional(PrecisionEntry), int8: Type.Optional(PrecisionEntry) }, closed),
    ),
    speed: Type.Optional(
      Type.Object(
        { fp32: Type.Optional(Speed), int8: Type.Optional(Speed) },
        {
          ...closed,
          description: 'Of each precision for a CPU. Without it, lanes measure their batch when they start.',
        },
      ),
    ),
    files: Type.Object(
      {
        ...(Object.fromEntries(FILES.map((f) => [f, FileEntry])) as Record<(typeof FILES)[number], typeof FileEntry>),
        ...(Object.fromEntries(EXTRA_FILES.map((f) => [f, Type.Optional(FileEntry)])) as Record<
          ExtraFile,
          ReturnType<typeof Type.Optional<typeof FileEntry>>
        >),
        [SHARED_WEIGHTS]: Type.Optional(FileEntry),
      },
      closed,
    ),
    evaluation: Type.Record(Type.String(), Type.Any()),
  },
  closed,
);
export type Manifest = Static<typeof Manifest>;
export type Speed = Static<typeof Speed>;
export type PrecisionQuality = Static<typeof Quality>;
