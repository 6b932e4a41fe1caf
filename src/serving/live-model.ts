import { setTimeout as sleep } from 'node:timers/promises';
import { loadTokenizer } from '../bundle/tokenizer.ts';
import { cutNames } from '../bundle/truncation.ts';
import { unknownWords } from '../bundle/vocabulary.ts';
import type { Config } from '../config/index.ts';
import {
  type Ask,
  Engine,
  type EngineObserver,
  type FleetStatus,
  type Head,
  type HeadProvider,
  Quarantine,
  type TextFeatureBuilder,
} from '../engine/index.ts';
import { POLL_MS } from '../polling.ts';
import type { TenantModel } from '../tenants/heads.ts';
import { engineOptions } from './engine-options.ts';
import { type OpenedBundle, openBundle } from './open-bundle.ts';
import type { openFeatures } from './open-store.ts';

/** The feature store of one model; see `openFeatures`. */
type Features = Awaited<ReturnType<typeof openFeatures>>;

export interface LiveModelOptions {
  config: Config;
  observer: EngineObserver;
  /** Called once per `Bundle.textId`. */
  openFeatures(bundle: OpenedBundle['bundle']): Promise<Features>;
  /** The text encoder as tenants use it. */
  builder(engine: Engine): TextFeatureBuilder;
  onOpened?(opened: OpenedBundle): void;
}

/** A bundle, the engines that run it, and the features that were made with it. */
export interface Model {
  opened: OpenedBundle;
  engine: Engine;
  features: Features;
  /** The view of this model for tenants. */
  forTenants: TenantModel;
  /** Ids of the heads of this model. */
  heads: Set<string>;
}

/** The former model stays this long after the switch, for requests that have looked up a head but not sent their images. */
const LINGER_MS = 1000;

/**
 * The current model and, for a while, the model before it. A request is answered by the engines of the model that its head
 * was made with, so that no verdict mixes two models.
 */
export class LiveModel {
  readonly #options: LiveModelOptions;
  readonly #quarantine = new Quarantine();
  #current: Model | undefined;
  #before: Model | undefined;
  #provider: HeadProvider | undefined;

  constructor(options: LiveModelOptions) {
    this.#options = options;
  }

  /** The model of new requests. */
  get current(): Model {
    if (!this.#current) throw new Error('no model has been opened yet');
    return this.#current;
  }

  get bundle(): OpenedBundle['bundle'] {
    return this.current.opened.bundle;
  }

  get status(): FleetStatus {
    return this.current.engine.status;
  }

  /** Opens and checks the given bundle, or the one of the configuration. Starts no process. */
  async open(path?: string): Promise<Model> {
    const { config, observer, openFeatures, builder } = this.#options;
    const opened = await openBundle(path === undefined ? config : { ...config, bundle: path });
    this.#options.onOpened?.(opened);
    const { bundle, devices } = opened;
    const tokenizer = await loadTokenizer(bundle);
    const engine = new Engine({ ...engineOptions(config, bundle, devices), quarantine: this.#quarantine, observer });
    const heads = new Set<string>();
    // a features file has one writer, so models with the same text towers share one store
    const shared = this.#current?.opened.bundle.textId === bundle.textId ? this.#current.features : undefined;
    const features = shared ?? (await openFeatures(bundle));
    // a head of another model is refused, whichever caller sends it
    engine.provideHeads({
      loadHead: async (id) => (heads.has(id) ? this.#provider?.loadHead(id) : undefined),
    });
    const { name, version, embedding_dim: embeddingDim, templates } = bundle.manifest;
    const forTenants: TenantModel = {
      bundle: { id: bundle.textId, name, version, embeddingDim, templates },
      cache: features.cache,
      features: builder(engine),
      heads: {
        putHead: (id: string, head: Head) => {
          heads.add(id);
          return engine.putHead(id, head);
        },
        dropHead: (id: string) => {
          heads.delete(id);
          return engine.dropHead(id);
        },
      },
      unknownWords: (word) => unknownWords(bundle.manifest, word),
      cutNames: (names, templates) => cutNames(tokenizer, names, templates),
    };
    return { opened, engine, features, forTenants, heads };
  }

  provideHeads(provider: HeadProvider): void {
    this.#provider = provider;
  }

  /** New requests use this model. The former one finishes its own requests. */
  serve(model: Model): void {
    this.#before = this.#current;
    this.#current = model;
  }

  /** Ends the former model once all of its requests are answered. */
  async retireBefore(): Promise<void> {
    const before = this.#before;
    if (!before) return;
    await sleep(LINGER_MS);
    while (!before.engine.idle) await sleep(POLL_MS.idleEngine);
    this.#before = undefined;
    await this.close(before);
  }

  async close(model: Model): Promise<void> {
    await model.engine.stop();
    if (model === this.#current || model.features !== this.#current?.features) await model.features.close();
  }

  check(ask: Ask): void {
    this.current.engine.check(ask);
  }

  /** The engine of the model that made the head; of the current model for an unknown head. */
  engineFor(headId: string): Engine {
    const { engine } = this.#before?.heads.has(headId) ? this.#before : this.current;
    return engine;
  }

  async stop(): Promise<void> {
    const models = [this.#before, this.#current].filter((m) => m !== undefined);
    await Promise.all(models.map((m) => this.close(m)));
  }
}
