import * as ort from 'onnxruntime-node';
import { ServiceError } from '../../../errors/index.ts';
import { headGraph } from './graph.ts';
import { type Scored, scoredBy } from './scoring.ts';

/**
 * The heads in this engine process, and one session that multiplies image features with them. From a hundred classes on, ONNX Runtime is
 * several times faster at this than typed arrays (`npm run bench -- heads`). Images are scored one at a time, so that a verdict cannot
 * depend on other images.
 */
export class HeadScorer {
  readonly #session: ort.InferenceSession;
  readonly #scale: number;
  readonly #width: number;
  readonly #heads = new Map<string, Float32Array>();

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

  /** @param rows unit rows of all classes, yes then no, float32 [2 C, D] */
  put(id: string, rows: Float32Array): void {
    this.#heads.set(id, rows);
  }

  drop(id: string): void {
    this.#heads.delete(id);
  }

  /** Scores one unit feature [D] with one head. @throws ServiceError tenant_not_ready if the head is not in this process */
  async score(id: string, feature: Float32Array, topK: number): Promise<Scored> {
    const rows = this.#heads.get(id);
    if (!rows) {
      throw new ServiceError('tenant_not_ready', "The tenant's features are being replaced; try again.", {
        retryAfterSeconds: 1,
      });
    }
    const width = this.#width;
    const { cosines } = await this.#session.run({
      features: new ort.Tensor('float32', feature, [1, width]),
      rows: new ort.Tensor('float32', rows, [rows.length / width, width]),
    });
    const all = (cosines as ort.Tensor).data as Float32Array;
    return scoredBy(all.subarray(0, all.length / 2), all.subarray(all.length / 2), this.#scale, topK);
  }
}
