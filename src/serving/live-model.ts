import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle } from '../bundle/load.ts';
import { readTokenizer, type TextTokenizer } from '../bundle/tokenizer.ts';
import { allSurelyFit, cutNames } from '../bundle/truncation.ts';
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
import type { InstalledWordList } from '../tenants/negatives/list.ts';
import { installedWordList, negativeWords } from '../tenants/negatives/open-words.ts';
import { engineOptions } from './engine-options.ts';
import { type OpenedBundle, openBundle } from './open-bundle.ts';
import type { openFeatures } from './open-store.ts';

/** The feature store of one model; see `openFeatures`. */
type Features = Awaited<ReturnType<typeof openFeatures>>;

export interface LiveModelOptions {
  config: Config;
  observer: EngineObserver;
  /** The text encoder as tenants use it. */
  builder(engine: Engine): TextFeatureBuilder;
  onOpened?(opened: OpenedBundle): void;
}

/** A bundle and the engines that run it. */
export interface Prepared {
  opened: OpenedBundle;
  engine: Engine;
}

/** A bundle, the engines that run it, and the features that were made with it. */
export interface Model extends Prepared {
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
  #wordList: Promise<InstalledWordList | undefined> | undefined;
  #openFeatures: (bundle: OpenedBundle['bundle']) => Promise<Features> = () => {
    throw new Error('no features have been provided yet');
  };

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

  /** Opens the given bundle, or the one of the configuration, and makes its engines. Starts no process. */
  async prepare(path?: string): Promise<Prepared> {
    const { config, observer } = this.#options;
    const opened = await openBundle(path === undefined ? config : { ...config, bundle: path });
    this.#options.onOpened?.(opened);
    const { bundle, devices } = opened;
    // a reload must not slow the model that serves
    const urgent = this.#current === undefined;
    const quarantine = this.#quarantine;
    const engine = new Engine({ ...engineOptions(config, bundle, devices), quarantine, observer, urgent });
    return { opened, engine };
  }

  /** Opens and checks the given bundle, or the one of the configuration. Starts no process. */
  async open(path?: string): Promise<Model> {
    return this.complete(await this.prepare(path));
  }

  /** The model of a bundle and its engines: with its features, and for its tenants. */
  async complete({ opened, engine }: Prepared): Promise<Model> {
    const { builder } = this.#options;
    const { bundle } = opened;
    // for warnings only, so it is read when the first definition is checked
    let loaded: TextTokenizer | undefined;
    const tokenizer = () => {
      loaded ??= readTokenizer(bundle);
      return loaded;
    };
    const heads = new Set<string>();
    // a features file has one writer, so models with the same text towers share one store
    const shared = this.#current?.opened.bundle.textId === bundle.textId ? this.#current.features : undefined;
    const features = shared ?? (await this.#openFeatures(bundle));
    // a head of another model is refused, whichever caller sends it
    engine.provideHeads({
      loadHead: async (id) => (heads.has(id) ? this.#provider?.loadHead(id) : undefined),
    });
    const { name, version, embedding_dim: embeddingDim, templates } = bundle.manifest;
    const texts = builder(engine);
    const sources = { cache: features.cache, builder: texts, width: embeddingDim };
    this.#wordList ??= installedWordList(this.#options.config.words);
    const words = { list: await this.#wordList, bundle: { id: bundle.textId, templates }, sources };
    const forTenants: TenantModel = {
      bundle: {
        id: bundle.textId,
        wholeId: bundle.id,
        imageDirections: directionsOf(bundle.manifest),
        name,
        version,
        embeddingDim,
        templates,
      },
      cache: features.cache,
      features: texts,
      words: negativeWords({ ...words, leases: features.leases }),
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
      cutNames: (names, templates) =>
        allSurelyFit(names, templates, bundle.manifest.text.context_length)
          ? []
          : cutNames(tokenizer(), names, templates),
    };
    return { opened, engine, features, forTenants, heads };
  }

  /** Called once per `Bundle.textId`, before the first model is complete. */
  provideFeatures(open: (bundle: OpenedBundle['bundle']) => Promise<Features>): void {
    this.#openFeatures = open;
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
    await model.forTenants.words?.miner.stop();
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

/** `image_directions` of the manifest, [K * D]. */
function directionsOf({ image_directions: text, embedding_dim: width }: Bundle['manifest']): Float32Array | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0 || bytes.length % (4 * width) !== 0) return undefined;
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}
