import { type Static, type TObject, type TProperties, Type } from 'typebox';

const object = <T extends TProperties>(properties: T): TObject<T> =>
  Type.Object(properties, { additionalProperties: false });
/** null where it could not be measured. */
const figure = Type.Union([Type.Number(), Type.Null()]);

const RawRun = object({
  bundle: Type.String(),
  device: Type.String(),
  precision: Type.String(),
  batch: Type.Integer(),
  images_per_second: figure,
  run_ms: figure,
  open_seconds: figure,
  /** Of the card's dense fp16 peak. */
  share_of_peak: figure,
  error: Type.Optional(Type.String()),
});
export type RawRun = Static<typeof RawRun>;

const Load = object({
  clients: Type.Integer(),
  images_per_second: Type.Number(),
  p50_ms: figure,
  p99_ms: figure,
  /** Mean milliseconds of an image in each stage. */
  decode_ms: figure,
  queue_ms: figure,
  inference_ms: figure,
  /** Processor milliseconds of an image in both processes. */
  cpu_ms: figure,
  other_statuses: Type.Record(Type.String(), Type.Integer()),
});
export type Load = Static<typeof Load>;

const Service = object({
  bundle: Type.String(),
  device: Type.String(),
  engines: Type.Integer(),
  precision: Type.String(),
  /** Largest difference of the golden check that the engine passed at its start. */
  golden_difference: figure,
  ready_seconds: Type.Number(),
  loads: Type.Array(Load),
  /** JPEG in, beside decoding alone by an engine's decoders on this host, and the raw session's best. */
  decode_images_per_second: figure,
  raw_images_per_second: figure,
  share_of_bound: figure,
  bound: Type.Enum(['decode', 'device', 'unknown']),
  /** Rate of a card with a decoder of its own: not measured, but computed from the two rates above (bound.ts). */
  card_decoder: object({
    computed: Type.Literal(true),
    images_per_second: figure,
    times: figure,
    cores_for_as_much: figure,
  }),
});
export type ServiceRun = Static<typeof Service>;

const Memory = object({
  requests: Type.Integer(),
  front_mib: Type.Array(figure),
  engine_mib: Type.Array(figure),
  device_mib: Type.Array(figure),
  other_statuses: Type.Record(Type.String(), Type.Integer()),
});

const Killed = object({
  ready_again_seconds: Type.Number(),
  statuses: Type.Record(Type.String(), Type.Integer()),
  slowest_ms: figure,
});

/** The one file that `npm run bench -- gpu` writes. */
export const GpuReport = object({
  format: Type.Literal(1),
  date: Type.String(),
  dry_run: Type.Boolean(),
  minutes: Type.Number(),
  machine: object({
    card: Type.Union([Type.String(), Type.Null()]),
    driver: Type.Union([Type.String(), Type.Null()]),
    peak_tflops: figure,
    cores: Type.Integer(),
    node: Type.String(),
    onnxruntime: Type.String(),
    cuda: figure,
  }),
  io_binding: Type.String(),
  raw: Type.Array(RawRun),
  services: Type.Array(Service),
  memory: Type.Union([Memory, Type.Null()]),
  killed: Type.Union([Killed, Type.Null()]),
  /** Parts that were left out, each with the reason. */
  left_out: Type.Array(Type.String()),
});
export type GpuReport = Static<typeof GpuReport>;
