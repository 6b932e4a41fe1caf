import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.ts';
import { type ExampleParts, renewExamples } from '../tenants/examples/revise.ts';
import { type DetectionEngine, detectImages } from './detect-images.ts';

export interface ExampleRenewalParts extends ExampleParts {
  engine: DetectionEngine;
  logger: Logger;
}

/** Attempts to embed an image while the engine is busy with requests. */
const ATTEMPTS = 20;
const PAUSE_MS = 1000;

/**
 * Embeds examples again whose model has been replaced, where their pictures are kept. Until that is done, and where pictures are lacking, the
 * classes are recognised by their names.
 */
export class ExampleRenewal {
  readonly #parts: ExampleRenewalParts;
  readonly #ending = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: ExampleRenewalParts) {
    this.#parts = parts;
  }

  /** Begins in the background; call it when another model may serve. */
  start(): void {
    this.#running = this.#running.then(() => this.#all());
  }

  /** Resolves when nothing is in work any more. */
  idle(): Promise<void> {
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #all(): Promise<void> {
    const { tenants, logger } = this.#parts;
    for (const [tenant] of [...tenants.serving()]) {
      try {
        for (const { class: name, lacking } of tenants.examples(tenant)) {
          if (this.#ending.signal.aborted) return;
          if (lacking && (await this.#renew(tenant, name))) logger.info({ tenant }, 'examples embedded with the model');
        }
      } catch (error) {
        if (!this.#ending.signal.aborted) logger.warn({ tenant, err: error }, 'examples could not be embedded again');
      }
    }
  }

  /** False where a picture is lacking. */
  async #renew(tenant: string, name: string): Promise<boolean> {
    const { tenants, pictures } = this.#parts;
    const images = tenants.get(tenant).record.examples?.[name]?.images ?? [];
    if (images.some(({ picture }) => !picture)) return false;
    const { model } = tenants.resolve(tenant).pins;
    const embeddings = new Map<string, Float32Array>();
    for (const { sha256 } of images) {
      const bytes = await pictures.get(tenant, sha256);
      if (!bytes) return false;
      embeddings.set(sha256, await this.#embed(tenant, bytes));
      // the model has changed again: the next run starts again
      if (tenants.resolve(tenant).pins.model !== model) return false;
    }
    const { changed } = await renewExamples(this.#parts, tenant, { class: name, model, embeddings });
    return changed;
  }

  async #embed(tenant: string, bytes: Uint8Array): Promise<Float32Array> {
    const { engine, tenants } = this.#parts;
    for (let attempt = 1; ; attempt++) {
      this.#ending.signal.throwIfAborted();
      const serving = tenants.resolve(tenant);
      const [judged] = await detectImages(engine, {
        tenant,
        serving,
        method: serving.uncalibratedMethod,
        images: [{ id: '', bytes }],
        topK: 0,
        priority: 'bulk',
        uncounted: true,
        embedding: true,
        signal: this.#ending.signal,
      });
      if (judged && 'detection' in judged) return judged.detection.embedding as Float32Array;
      const error = judged?.error;
      if (error?.retryAfterSeconds === undefined || attempt === ATTEMPTS) throw error;
      await sleep(PAUSE_MS, undefined, { signal: this.#ending.signal });
    }
  }
}
