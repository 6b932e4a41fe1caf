import type { Precision } from '../../bundle/manifest.ts';
import type { Assessment } from '../../clipn/index.ts';
import type { Orientation } from '../../images/decode.ts';
import type { ExitCause } from './exit-cause.ts';
import type { Priority } from './fair-queue.ts';

/** A tenant's classes as the engine needs them: one row of unit length per class, yes and no, row-major [C * D]. */
export interface Head {
  classes: string[];
  yes: Float32Array;
  no: Float32Array;
}

/** Loads heads that the engine has removed, or lost with a process. */
export interface HeadProvider {
  /** Undefined when the head is no longer needed. */
  loadHead(id: string): Promise<Head | undefined>;
}

/** Where heads live. `id` is opaque to the engine; putting an id again replaces it. */
export interface HeadHost {
  putHead(id: string, head: Head): Promise<void>;
  dropHead(id: string): Promise<void>;
}

export type Tower = 'yes' | 'no';

export interface FeatureRequest {
  names: string[];
  templates: string[];
  tower: Tower;
}

export interface FeatureOptions {
  signal?: AbortSignal;
  onProgress?: (textsDone: number, textsTotal: number) => void;
}

/** Class features: per template encode and L2-normalise, sum over templates, L2-normalise. One row per name, [names * D]. */
export interface TextFeatureBuilder {
  build(request: FeatureRequest, options?: FeatureOptions): Promise<Float32Array>;
}

export interface DetectRequest {
  /** The stored image file, undecoded: untrusted bytes are opened in the engine process only. */
  bytes: Uint8Array;
  headId: string;
  /** The tenant whose share of the device this image uses. */
  tenant: string;
  topK: number;
  /** `interactive` by default. */
  priority?: Priority;
  /** Milliseconds from now until the deadline of the answer. */
  timeoutMs?: number;
  /** The answer has the times of all stages, for traces. */
  stages?: boolean;
  /** The answer has the verdicts on other readings of the file (transparency laid on black, and the like). */
  readings?: boolean;
  /** Whether the orientation tag of a photograph is applied; as configured by default. */
  orientation?: Orientation;
}

export interface TopClass {
  index: number;
  probability: number;
  noProbability: number;
}

/** Where an image's embedding came from: computed before, computed now for another request with the same image, or for this one. */
export type CacheResult = 'hit' | 'joined' | 'miss' | 'off';

/** Milliseconds. `queue` is all the waiting: for an engine, for a decoder, and decoded for the device. */
export interface Timing {
  decode: number;
  queue: number;
  inference: number;
}

/** A stage of an image's processing, on the clock of `performance.now` of the process that reads it. */
export interface Stage {
  /** `queue` (three times: for an engine, a decoder, the device), `handover`, `hash`, `decode`, `inference`, `score`, `handback`; `joined` in place of others. */
  name: string;
  start: number;
  end: number;
}

export interface Detection {
  index: number;
  probability: number;
  noProbability: number;
  oodProbability: number;
  decisions: Assessment['decisions'];
  scores: Assessment['scores'];
  top: TopClass[];
  /** `frames`: pictures in the file, of which the first was judged. */
  image: { sha256: string; width: number; height: number; format: string; frames: number };
  /** Readings of the file that show other pixels than the one judged, where they were asked for. */
  otherReadings?: { reading: string; decisions: Assessment['decisions'] }[];
  timing: Timing;
  cache: CacheResult;
  /** In their order and without gaps, where they were asked for. */
  stages?: Stage[];
}

export type EngineState = 'starting' | 'ready' | 'restarting' | 'stopping' | 'stopped' | 'failed';

/** One engine, or all of them together. */
export interface EngineStatus {
  /** Its name in logs and metrics: its device, numbered where engines share one. */
  name: string;
  state: EngineState;
  /** Why the engine is not ready, for readiness and the log. */
  reason?: string;
  /** Until the next process is started. */
  nextTryMs?: number;
  device: string;
  precision: Precision;
  pid?: number;
  restarts: number;
  inFlight: number;
}

/** All engines of one model: ready when one of them is. */
export interface FleetStatus extends Omit<EngineStatus, 'name' | 'nextTryMs'> {
  engines: EngineStatus[];
}

/** Events of the engine for metrics. */
export interface EngineObserver {
  /** A run on the device. */
  batch?(event: { size: number; bucket: number; seconds: number }): void;
  /** An image got its verdict. */
  image?(event: { timing: Timing; cache: CacheResult }): void;
  /** Images waiting for an engine. */
  queue?(depth: number): void;
  state?(status: EngineStatus): void;
  /** An engine process ended and a new one will be started. */
  restart?(engine: string, cause: ExitCause): void;
  log?(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void;
}
