import * as ort from 'onnxruntime-node';
import { glMcm, type NearWord, nearestWords } from '../../../clipn/index.ts';
import { ServiceError } from '../../../errors/index.ts';
import { WordMatrix } from '../../../words/word-matrix.ts';
import type { NegativeLabels, OtherWords } from '../../shared/types.ts';
import { headGraph } from './graph.ts';
import { type NegativeCosines, type Scored, scoredBy } from './scoring.ts';

/** Words of one answer: more than are shown, because words that repeat a nearer one are not. */
const NEAREST = 64;

/** A head as this process holds it. */
export interface HeldHead {
  /** Unit rows of all classes, yes then no, float32 [2 C, D]. */
  rows: Float32Array;
  /** Negative labels, and the id of the words that they are indices of. */
  negatives: { words: string; labels: NegativeLabels; others: OtherWords } | null;
}

/**
 * The heads in this engine process, and one session that multiplies image features with them. From a hundred classes on, ONNX Runtime is
 * several times faster at this than typed arrays (`npm run bench -- heads`). Images are scored one at a time, so that a verdict cannot
 * depend on other images. The features of words are here once, for all heads with negative labels.
 */
export class HeadScorer {
  readonly #session: ort.InferenceSession;
  readonly #scale: number;
  readonly #width: number;
  readonly #heads = new Map<string, HeldHead>();
  readonly #words = new Map<string, WordMatrix>();
  #indices = new Uint32Array();

  private constructor(session: ort.InferenceSession, { width, scale }: { width: number; scale: number }) {
    this.#session = session;
    this.#width = width;
    this.#scale = scale;
  }

  /** @param model width D of the features and the logit scale */
  static async open(model: { width: number; scale: number }): Promise<HeadScorer> {
    const session = await ort.InferenceSession.create(headGraph(), {
      executionProviders: ['cpu'],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // runs differ in size, so a memory pattern of one run does not fit the next
      enableMemPattern: false,
    });
    return new HeadScorer(session, model);
  }

  put(id: string, head: HeldHead): void {
    this.#heads.set(id, head);
  }

  drop(id: string): void {
    this.#heads.delete(id);
  }

  /** Adds rows of words, [n * D], from `from` on; those of row 0 begin a new matrix. Returns its bytes. */
  putWords(id: string, { count, from, rows }: { count: number; from: number; rows: Float32Array }): number {
    const matrix = (from > 0 ? this.#words.get(id) : undefined) ?? new WordMatrix(count, this.#width);
    this.#words.set(id, matrix);
    matrix.set(from, rows);
    return matrix.bytes;
  }

  dropWords(id: string): void {
    this.#words.delete(id);
  }

  /** The image's own feature [D] of one that features of patches may follow, [1 + P, D]. */
  own(feature: Float32Array): Float32Array {
    return feature.subarray(0, this.#width);
  }

  /**
   * Scores one unit feature [D], or [1 + P, D] with those of patches, with one head.
   * @throws ServiceError tenant_not_ready if the head is not in this process
   */
  async score(id: string, feature: Float32Array, topK: number): Promise<Scored> {
    const head = this.#head(id);
    const own = this.own(feature);
    const all = await this.#cosines(own, head.rows);
    const [yes, no] = [all.subarray(0, all.length / 2), all.subarray(all.length / 2)];
    const scored = scoredBy(yes, no, this.#scale, topK, head.negatives && this.#negatives(head.negatives, own));
    if (feature.length === own.length) return scored;
    const local = await this.#cosines(feature.subarray(own.length), head.rows.subarray(0, head.rows.length / 2));
    const patches = Array.from({ length: local.length / yes.length }, (_, i) =>
      local.subarray(i * yes.length, (i + 1) * yes.length),
    );
    return { ...scored, scores: { ...scored.scores, gl_mcm: glMcm(yes, patches) } };
  }

  /** Cosines of features [n, D] with rows [m, D], [n * m]. */
  async #cosines(features: Float32Array, rows: Float32Array): Promise<Float32Array> {
    const width = this.#width;
    const { cosines } = await this.#session.run({
      features: new ort.Tensor('float32', features, [features.length / width, width]),
      rows: new ort.Tensor('float32', rows, [rows.length / width, width]),
    });
    return (cosines as ort.Tensor).data as Float32Array;
  }

  /**
   * The nouns nearest to a unit feature [D] that name none of the head's classes, nearest first; none for a head without negative labels.
   * @throws ServiceError tenant_not_ready if the head is not in this process
   */
  async look(id: string, feature: Float32Array): Promise<NearWord[]> {
    const head = this.#head(id);
    if (!head.negatives) return [];
    const { words, others } = head.negatives;
    const yes = await this.#cosines(feature, head.rows.subarray(0, head.rows.length / 2));
    const cosines = this.#matrix(words).cosines(feature, this.#firstWords(others.nouns));
    return nearestWords(yes, cosines, this.#scale, { k: NEAREST, excluded: new Set(others.except) });
  }

  /** The indices of the first words of a list, which are its nouns. Heads of one list share them. */
  #firstWords(count: number): Uint32Array {
    if (this.#indices.length < count) this.#indices = Uint32Array.from({ length: count }, (_, i) => i);
    return this.#indices.subarray(0, count);
  }

  #head(id: string): HeldHead {
    const head = this.#heads.get(id);
    if (!head) throw replaced();
    return head;
  }

  #matrix(words: string): WordMatrix {
    const matrix = this.#words.get(words);
    if (!matrix) throw replaced();
    return matrix;
  }

  #negatives({ words, labels }: NonNullable<HeldHead['negatives']>, feature: Float32Array): NegativeCosines {
    const matrix = this.#matrix(words);
    const { neglabel, csp, groups } = labels;
    return {
      groups,
      neglabel: matrix.cosines(feature, neglabel),
      ...(csp && { csp: matrix.cosines(feature, csp) }),
    };
  }
}

function replaced(): ServiceError {
  return new ServiceError('tenant_not_ready', "The tenant's features are being replaced; try again.", {
    retryAfterSeconds: 1,
  });
}
