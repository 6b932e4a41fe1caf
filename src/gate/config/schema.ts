import { type Static, type TObject, type TProperties, Type } from 'typebox';
import { defined } from '../../defined.ts';
import { MethodSchema, TENANT_ID } from '../../tenants/definition.ts';

const object = <T extends TProperties>(properties: T): TObject<T> =>
  Type.Object(properties, { additionalProperties: false });
const oneOf = <const T extends readonly string[]>(values: T, description?: string) =>
  Type.Unsafe<T[number]>(Type.Enum([...values], defined({ description })));
const milliseconds = Type.Integer({ minimum: 1, maximum: 86_400_000 });
const Url = Type.String({
  pattern: '^https?://[^/?#@\\s]+(/[^?#\\s]*)?$',
  description: 'http(s)://host[:port][/prefix]',
});
const HeaderName = Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" });
const HeaderValue = Type.String({ pattern: '^[\\t\\x20-\\x7e\\x80-\\xff]*$' });

export const MODES = ['off', 'shadow', 'annotate', 'enforce'] as const;
/** Actions for an image that the calibration of its tenant calls uncertain. */
export const UNCERTAIN_ACTIONS = ['pass', 'fallback', 'refuse'] as const;
export const BATCH_RULES = ['any', 'all', 'filter'] as const;
export const ADAPTERS = [
  'auto',
  'raw',
  'multipart',
  'json',
  'tf-serving',
  'kserve-v1',
  'oip-v2',
  'triton-raw',
  'torchserve',
] as const;
/** Causes of a missing verdict. */
export const FAIL_CAUSES = [
  'unexamined',
  'engine_down',
  'overloaded',
  'deadline',
  'undecodable',
  'no_image',
  'too_large',
  'no_tenant',
  'uncalibrated',
] as const;

const Fail = oneOf(['open', 'closed']);
const FailPolicy = Type.Union(
  [
    Fail,
    object({
      default: Type.Optional(Fail),
      ...(Object.fromEntries(FAIL_CAUSES.map((cause) => [cause, Type.Optional(Fail)])) as Record<
        (typeof FAIL_CAUSES)[number],
        ReturnType<typeof Type.Optional<typeof Fail>>
      >),
    }),
  ],
  { description: 'Policy for a request without a verdict, by cause: it passes (open) or is refused (closed).' },
);

const Template = object({
  status: Type.Optional(Type.Integer({ minimum: 200, maximum: 599 })),
  content_type: Type.Optional(HeaderValue),
  headers: Type.Optional(Type.Record(HeaderName, HeaderValue)),
  body: Type.Optional(Type.String({ description: 'May contain {{placeholders}}; docs/gate.md lists them.' })),
});
export type TemplateConfig = Static<typeof Template>;

const Sticky = Type.Union([oneOf(['image', 'client_address']), object({ header: HeaderName })]);

/** Settings of a route; `defaults` has the same settings for all routes. */
const decisions = {
  tenant: Type.Optional(
    Type.Union([Type.String({ minLength: 1 }), object({ header: HeaderName, default: Type.Optional(Type.String()) })], {
      description:
        'The tenant whose classes are compared: an id, an id that contains a {name} of the path, or the value of a header.',
    }),
  ),
  adapter: Type.Optional(
    oneOf(ADAPTERS, 'Where images are expected; the whole request is searched for them in any case.'),
  ),
  mode: Type.Optional(oneOf(MODES)),
  method: Type.Optional(MethodSchema),
  uncertain: Type.Optional(
    oneOf(
      UNCERTAIN_ACTIONS,
      'For a tenant with a calibration: what happens to images in its band `uncertain`; if absent, the method decides about them.',
    ),
  ),
  orientation: Type.Optional(
    oneOf(
      ['apply', 'ignore'],
      'Whether the classifier applies EXIF orientation; if absent, the setting of the service.',
    ),
  ),
  percent: Type.Optional(
    Type.Number({ minimum: 0, maximum: 100, description: 'Share of requests that enforce is applied to.' }),
  ),
  sticky: Type.Optional(Sticky),
  batch: Type.Optional(oneOf(BATCH_RULES, 'Which of several images must be OOD, so that the request counts as OOD.')),
  budget_ms: Type.Optional(milliseconds),
  parallel: Type.Optional(
    Type.Boolean({ description: 'Forwards the request at once and delays the answer until the verdict is known.' }),
  ),
  max_body_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 30 })),
  max_images: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  max_frames: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Frames or pages of one image; the first is judged, more are unexamined.',
    }),
  ),
  headers: Type.Optional(Type.Boolean({ description: 'In shadow mode: x-clipn-* headers in the answer.' })),
  idempotent: Type.Optional(
    Type.Boolean({ description: 'Requests may be sent to the upstream twice, POST included.' }),
  ),
  fail: Type.Optional(FailPolicy),
  reject: Type.Optional(Template),
  fail_reject: Type.Optional(Template),
  fallback: Type.Optional(Url),
  placeholder: Type.Optional(Type.Unknown({ description: 'JSON value in the answer for a filtered instance.' })),
};

const Route = object({
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  match: object({
    path: Type.String({
      pattern: '^/',
      description: 'The complete path; {name} matches a part of one segment, * the rest of one, ** everything.',
    }),
    case_sensitive: Type.Optional(
      Type.Boolean({
        description: 'Whether upper and lower case differ in paths; many servers do not distinguish them.',
      }),
    ),
    methods: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Z-]+$' }), { minItems: 1 })),
  }),
  pointers: Type.Optional(
    Type.Array(Type.String({ pattern: '^/' }), {
      minItems: 1,
      description: 'Adapter json: JSON pointers to base64 strings; * stands for every element of an array.',
    }),
  ),
  answer_pointer: Type.Optional(
    Type.String({
      pattern: '^/',
      description: 'Batch filter: JSON pointer to the array in the answer, which has one element for each instance.',
    }),
  ),
  fields: Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Multipart: names of the parts that are images; if absent, every part that is an image.',
    }),
  ),
  ...decisions,
});
export type RouteConfig = Static<typeof Route>;

const Upstream = object({
  url: Url,
  connect_timeout_ms: Type.Optional(milliseconds),
  response_timeout_ms: Type.Optional(milliseconds),
  idle_timeout_ms: Type.Optional(milliseconds),
  keep_alive_ms: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 86_400_000,
      description:
        'Time after which the gate closes an idle connection; shorter than that after which the upstream does.',
    }),
  ),
  max_connections: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
  retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 5 })),
  host: Type.Optional(
    oneOf(['client', 'upstream'], "Host header of forwarded requests: the client's own, or the upstream's."),
  ),
});

const Audit = object({
  file: Type.String({ minLength: 1, description: 'A path, or "stdout".' }),
  max_bytes: Type.Optional(Type.Integer({ minimum: 1024 })),
  keep: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
  queue: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
});
export type AuditConfig = Static<typeof Audit>;

/** The gate's file. Everything that it leaves out has a default (settings.ts). */
export const GateFile = object({
  listen: Type.Optional(
    object({
      host: Type.Optional(Type.String({ minLength: 1 })),
      port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
      headers_timeout_ms: Type.Optional(milliseconds),
      max_header_bytes: Type.Optional(Type.Integer({ minimum: 1024, maximum: 2 ** 20 })),
      request_timeout_ms: Type.Optional(milliseconds),
      upload_min_rate: Type.Optional(
        Type.Integer({ minimum: 0, description: 'Smallest rate of an upload after its grace, bytes per second.' }),
      ),
      upload_grace_ms: Type.Optional(Type.Integer({ minimum: 100, maximum: 86_400_000 })),
      max_connections: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    }),
  ),
  upstream: Upstream,
  forwarded: Type.Optional(oneOf(['append', 'replace', 'off'], 'Treatment of X-Forwarded-* headers.')),
  max_buffered_bytes: Type.Optional(
    Type.Integer({ minimum: 1, description: 'Largest size of all request bodies in memory together.' }),
  ),
  defaults: Type.Optional(object(decisions)),
  tenants: Type.Optional(
    Type.Record(
      Type.String({ pattern: TENANT_ID.source }),
      object({
        mode: decisions.mode,
        method: decisions.method,
        uncertain: decisions.uncertain,
        percent: decisions.percent,
        batch: decisions.batch,
        fail: decisions.fail,
      }),
      { description: "Exceptions for single tenants; they take precedence over the route's settings." },
    ),
  ),
  routes: Type.Array(Route),
  audit: Type.Optional(Audit),
});
export type GateFile = Static<typeof GateFile>;

export type Mode = (typeof MODES)[number];
export type UncertainAction = (typeof UNCERTAIN_ACTIONS)[number];
export type BatchRule = (typeof BATCH_RULES)[number];
export type AdapterName = (typeof ADAPTERS)[number];
export type FailCause = (typeof FAIL_CAUSES)[number];
export type FailAction = 'open' | 'closed';
export type StickyKey = Static<typeof Sticky>;
