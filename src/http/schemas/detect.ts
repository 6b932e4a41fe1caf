import { type Static, Type } from 'typebox';
import { MethodSchema } from '../../tenants/definition.ts';

const Decision = Type.Union([Type.Literal('id'), Type.Literal('ood')], {
  title: 'Decision',
  description: 'In-distribution (one of the classes) or out-of-distribution (none of them).',
});

const byNegatives = Type.Unsafe<Static<typeof Decision>>({
  ...Decision,
  description: 'Only for tenants with negative labels.',
});
const byPool = Type.Unsafe<Static<typeof Decision>>({
  ...Decision,
  description: 'Only for tenants with negative labels and the conjugated pool.',
});

export const DetectQuery = Type.Object({
  tenant: Type.String({
    default: 'demo',
    minLength: 1,
    maxLength: 64,
    description: 'The tenant whose classes the image is compared with.',
  }),
  method: Type.Optional(MethodSchema),
  top_k: Type.Integer({
    default: 5,
    minimum: 0,
    maximum: 100,
    description: 'Number of likeliest classes to return.',
  }),
  explain: Type.Boolean({
    default: false,
    description:
      'Adds `looks_like` to the verdicts of refused images: the words that they look like. It needs a tenant with negative labels.',
  }),
});
export type DetectQuery = Static<typeof DetectQuery>;

/** The largest value of `x-request-timeout-ms`: one day. */
export const MAX_TIMEOUT_MS = 86_400_000;

export const DetectHeaders = Type.Object({
  'x-request-timeout-ms': Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_TIMEOUT_MS,
      description:
        'Longest time from the arrival of the request until the reply, in milliseconds. A request that cannot meet it is refused at once, ' +
        "and an expired one is never run. At most the service's own limit.",
    }),
  ),
  'x-request-priority': Type.Optional(
    Type.Union([Type.Literal('probe'), Type.Literal('interactive'), Type.Literal('bulk')], {
      description:
        'Order within one round of the queue: probes (a few at a time), then interactive requests, then bulk. ' +
        'By default a request with more than four images is bulk.',
    }),
  ),
});
export type DetectHeaders = Static<typeof DetectHeaders>;

export const DetectJsonBody = Type.Object(
  {
    images: Type.Array(
      Type.Object(
        {
          id: Type.Optional(Type.String({ maxLength: 256 })),
          data: Type.Optional(
            Type.String({ description: 'The image file in base64; a data: URL is accepted as well.' }),
          ),
          url: Type.Optional(
            Type.String({
              maxLength: 8192,
              description:
                'In place of data: a http(s) or s3 address from a host in CLIPN_IMAGE_URLS, which is empty by default.',
            }),
          ),
        },
        { title: 'DetectImage', additionalProperties: false, description: 'Either data or url.' },
      ),
      { minItems: 1, maxItems: 10_000 },
    ),
  },
  { title: 'DetectRequest', additionalProperties: false },
);
export type DetectJsonBody = Static<typeof DetectJsonBody>;

const file = (description: string) =>
  Type.Unsafe<unknown>({ contentMediaType: 'application/octet-stream', description });

/** The body forms. A schema validates JSON only; files are not checked before they are decoded. */
export const DetectBody = {
  'application/json': { schema: DetectJsonBody },
  'multipart/form-data': {
    schema: Type.Unsafe<unknown>({
      title: 'DetectForm',
      description: 'One or many files, in fields of any name; the file name becomes the id of the result.',
      properties: { file: { type: 'array', items: file('An image file.') } },
    }),
  },
  'image/*': { schema: file('One image file.') },
  'application/octet-stream': { schema: file('One image file.') },
};

const Probability = Type.Number({ minimum: 0, maximum: 1 });

const TopClass = Type.Object(
  { class: Type.String(), index: Type.Integer(), probability: Probability, no_probability: Probability },
  { title: 'TopClass' },
);

export const StaleBecause = Type.Union([Type.Literal('model'), Type.Literal('classes'), Type.Literal('negatives')], {
  title: 'StaleBecause',
  description:
    'Another model, other classes or templates, or, where the score needs them, other negative labels than those of the calibration.',
});

/** The words that an image looks like, nearest first. */
export const LooksLikeWords = Type.Array(
  Type.Object({ word: Type.String(), probability: Probability }, { title: 'LooksLikeWord' }),
  {
    maxItems: 5,
    description:
      'Nouns of the word list that are nearest to a refused image and name none of the classes, nearest first; at most five, and none if no ' +
      'noun has a probability of 0.005. `probability` is that of one softmax over the classes and all those nouns.',
  },
);

const Verdict = Type.Object(
  {
    id: Type.String(),
    decision: Decision,
    method: MethodSchema,
    prediction: Type.Object(
      { class: Type.String(), index: Type.Integer(), probability: Probability },
      { title: 'Prediction' },
    ),
    no_probability: Type.Number({ description: 'CLIPN\'s "no" probability of the predicted class.' }),
    ood_probability: Type.Number({ description: 'Probability that the image shows none of the classes, p_{C+1}.' }),
    decisions: Type.Object(
      {
        ctw: Decision,
        atd: Decision,
        atd_rescaled: Decision,
        calibrated: Type.Optional(
          Type.Unsafe<Static<typeof Decision>>({ ...Decision, description: 'Only with a calibration that applies.' }),
        ),
        neglabel: Type.Optional(byNegatives),
        csp: Type.Optional(byPool),
        combined: Type.Optional(byNegatives),
      },
      { title: 'Decisions' },
    ),
    scores: Type.Object(
      {
        ctw: Type.Number(),
        atd: Type.Number(),
        msp: Type.Number(),
        max_logit: Type.Number(),
        energy: Type.Number(),
        mcm: Type.Number(),
        neglabel: Type.Optional(Type.Number({ description: 'Only with negative labels.' })),
        csp: Type.Optional(Type.Number({ description: 'Only with negative labels and the conjugated pool.' })),
        combined: Type.Optional(
          Type.Number({
            description: 'Only with negative labels: the probability by which the rule `combined` decides.',
          }),
        ),
        logit_gap: Type.Optional(Type.Number({ description: 'Only with negative labels.' })),
        gl_mcm: Type.Optional(
          Type.Number({ description: 'Only where the image encoder of the bundle gives features of patches.' }),
        ),
      },
      { title: 'Scores', description: 'Continuous scores, higher means more in-distribution.' },
    ),
    p_value: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description:
          'Conformal p-value, only with a calibration that applies: for an image of the classes it is at most a with a probability of at most a.',
      }),
    ),
    band: Type.Optional(
      Type.Union([Type.Literal('in'), Type.Literal('uncertain'), Type.Literal('out')], {
        title: 'Band',
        description:
          'Only with a calibration that applies. `uncertain`: the calibrated rule and the rule without a threshold disagree, or the score is ' +
          'between the thresholds of `keep` and `certain_keep`.',
      }),
    ),
    calibration: Type.Optional(
      Type.Object(
        {
          state: Type.Union([Type.Literal('current'), Type.Literal('stale')]),
          version: Type.Integer({ description: 'The version of the tenant that it began with.' }),
          stale_because: Type.Optional(StaleBecause),
        },
        { title: 'VerdictCalibration', description: 'Only if the tenant has a calibration.' },
      ),
    ),
    top: Type.Array(TopClass),
    looks_like: Type.Optional(LooksLikeWords),
    image: Type.Object(
      {
        sha256: Type.String(),
        width: Type.Integer(),
        height: Type.Integer(),
        format: Type.String(),
        frames: Type.Optional(
          Type.Integer({ description: 'Pictures in an animated or multi-page file, of which the first was judged.' }),
        ),
      },
      { title: 'ImageFacts' },
    ),
  },
  { title: 'Verdict' },
);
export type Verdict = Static<typeof Verdict>;

const FailedImage = Type.Object(
  {
    id: Type.String(),
    error: Type.Object(
      { type: Type.String(), title: Type.String(), status: Type.Integer(), code: Type.String(), detail: Type.String() },
      {
        title: 'ImageProblem',
        additionalProperties: true,
        description: 'Problem document (RFC 9457) of this one image.',
      },
    ),
  },
  { title: 'FailedImage' },
);
export type FailedImage = Static<typeof FailedImage>;

const DetectWarning = Type.Object(
  {
    code: Type.Union([
      Type.Literal('no_negatives', { description: 'Only with `explain`: why there is no `looks_like`.' }),
      Type.Literal('truncated', { description: 'The model reads the beginning of the text of `class` only.' }),
    ]),
    message: Type.String(),
    class: Type.Optional(Type.String()),
    index: Type.Optional(Type.Integer()),
  },
  { title: 'DetectWarning' },
);

export const DetectReply = Type.Object(
  {
    tenant: Type.String(),
    tenant_version: Type.Integer(),
    model: Type.Object({ name: Type.String(), version: Type.String() }, { title: 'ServingModel' }),
    results: Type.Array(
      Type.Unsafe<Verdict | FailedImage>(Type.Any({ title: 'DetectResult', anyOf: [Verdict, FailedImage] })),
      { description: 'In the order of the images.' },
    ),
    warnings: Type.Optional(
      Type.Array(DetectWarning, {
        description: 'Only if there are any. Of classes that are too long for the model, the first ten are named.',
      }),
    ),
    timing_ms: Type.Object(
      { decode: Type.Number(), queue: Type.Number(), inference: Type.Number(), total: Type.Number() },
      { title: 'Timing', description: 'The slowest image of the request in each stage, and the whole request.' },
    ),
  },
  { title: 'DetectReply' },
);
export type DetectReply = Static<typeof DetectReply>;
