import type { Precision } from '../bundle/manifest.ts';
import type { Assessment } from '../clipn/index.ts';

/** A tenant's classes as the engine needs them: one row of unit length per class, yes and no, row-major [C * D]. */
export interface Head {
  classes: string[];
  yes: Float32Array;
  no: Float32Array;
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
  /** Whose share of the device this image takes. */
  tenant: string;
  topK: number;
  /** Milliseconds from now until the answer is of no use. */
  timeoutMs?: number;
}

export interface TopClass {
  index: number;
  probability: number;
  noProbability: number;
}

export interface Detection {
  index: number;
  probability: number;
  noProbability: number;
  oodProbability: number;
  decisions: Assessment['decisions'];
  scores: Assessment['scores'];
  top: TopClass[];
  image: { sha256: string; width: number; height: number; format: string };
  timing: { decode: number; queue: number; inference: number };
}

export type EngineState = 'starting' | 'ready' | 'restarting' | 'stopping' | 'stopped' | 'failed';

export interface EngineStatus {
  state: EngineState;
  /** Why the engine is not ready, for readiness and the log. */
  reason?: string;
  device: string;
  precision: Precision;
  pid?: number;
  restarts: number;
  inFlight: number;
}

/** What the engine tells whoever measures it. Times in seconds. */
export interface EngineObserver {
  batch?(event: { size: number; bucket: number; seconds: number; queueDepth: number }): void;
  image?(event: { decodeSeconds: number; queueSeconds: number }): void;
  rejected?(reason: string): void;
  state?(status: EngineStatus): void;
  log?(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void;
}
