import * as ort from 'onnxruntime-node';
import { ServiceError } from '../../../errors/index.ts';
import type { NegativeLabels } from '../../shared/types.ts';
import { WordMatrix } from '../../shared/words/word-matrix.ts';
import { headGraph } from './graph.ts';
import { type NegativeCosines, type Scored, scoredBy } from './scoring.ts';

/** A head as this process holds it. */
export interface HeldHead {
  /** Unit rows of all classes, yes then no, float32 [2 C, D]. */
  rows: Float32Array;
  /** Negative labels, and the id of the words that they are indices of. */
  negatives: { words: string; labels: NegativeLabels } | null;
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

  /** Scores one unit feature [D] with one head. @throws ServiceError tenant_not_ready if the head is not in this process */
  async score(id: string, feature: Float32Array, topK: number): Promise<Scored> {
    const head = this.#heads.get(id);
    if (!head) throw replaced();
    const width = this.#width;
    const { cosines } = await this.#session.run({
      features: new ort.Tensor('float32', feature, [1, width]),
      rows: new ort.Tensor('float32', head.rows, [head.rows.length / width, width]),
    });
    const all = (cosines as ort.Tensor).data as Float32Array;
    const [yes, no] = [all.subarray(0, all.length / 2), all.subarray(all.length / 2)];
    return scoredBy(yes, no, this.#scale, topK, head.negatives && this.#negatives(head.negatives, feature));
  }

  #negatives({ words, labels }: NonNullable<HeldHead['negatives']>, feature: Float32Array): NegativeCosines {
    const matrix = this.#words.get(words);
    if (!matrix) throw replaced();
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
