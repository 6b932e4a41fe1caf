import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false };
const Triple = Type.Tuple([Type.Number(), Type.Number(), Type.Number()]);
const Template = Type.String({ pattern: '\\{\\}' });

/** Files of every bundle; the manifest lists size and checksum of each. */
export const FILES = ['image.onnx', 'text-yes.onnx', 'text-no.onnx', 'tokenizer.json', 'golden.json'] as const;

const FileEntry = Type.Object(
  { sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }), bytes: Type.Integer({ minimum: 0 }) },
  closed,
);

/** bundle.json, format 1. `provenance` and `evaluation` may carry more than is known here; the rest may not. */
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
      },
      closed,
    ),
    text: Type.Object(
      {
        context_length: Type.Integer({ minimum: 3, maximum: 1024 }),
        tokenizer: Type.Literal('tokenizer.json'),
        pad_id: Type.Integer({ minimum: 0 }),
        vocabulary: Type.Union([Type.Array(Type.String()), Type.Null()], {
          description: 'Words the text towers saw in training; null where that is no limit.',
        }),
        clean: Type.Optional(
          Type.Literal('clip', {
            description: 'Clean-up of every text before the tokenizer; its tables are in tokenizer.json. Absent: none.',
          }),
        ),
      },
      closed,
    ),
    embedding_dim: Type.Integer({ minimum: 1, maximum: 8192 }),
    logit_scale: Type.Number({ exclusiveMinimum: 0 }),
    templates: Type.Object(
      {
        yes: Type.Array(Template, { minItems: 1 }),
        no: Type.Union([Type.Array(Template, { minItems: 1 }), Type.Null()], {
          description: 'Templates of the no encoder; null where the same ones go through both.',
        }),
      },
      closed,
    ),
    precision: Type.Union([Type.Literal('fp32'), Type.Literal('fp16'), Type.Literal('int8')]),
    files: Type.Object(
      Object.fromEntries(FILES.map((f) => [f, FileEntry])) as Record<(typeof FILES)[number], typeof FileEntry>,
      closed,
    ),
    evaluation: Type.Record(Type.String(), Type.Any()),
  },
  closed,
);
export type Manifest = Static<typeof Manifest>;
