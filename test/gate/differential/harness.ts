import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import sharp from 'sharp';
import type { DetectRequest } from '../../../src/engine/index.ts';
import { ADAPTERS } from '../../../src/gate/config/schema.ts';
import { ask, image, recordingUpstream, startGate } from '../../helpers/gate.ts';
import { PYTHON } from '../../helpers/paths.ts';
import type { Picture, Sample } from './body.ts';
import { Peer } from './peers.ts';

type After = Pick<TestContext, 'after'>;
type Values = [string, Buffer][];

/** A picture that a server sees and the gate has not judged. */
export interface Unjudged {
  sample: Sample;
  by: string;
  format: string;
  bytes: string;
}

export interface Outcome {
  sample: Sample;
  passed: boolean;
  judged: number;
  /** The cause of a refusal, with the place. */
  cause: string;
  /** Pictures that any parser sees in a passed body. */
  opened: number;
  unjudged: Unjudged[];
}

const MODULES = 'aiohttp, django, json5, python_multipart, starlette, werkzeug, PIL';
/** The reason why the test cannot run here; false if it can. */
export const missing: string | false =
  PYTHON === undefined
    ? 'needs CLIPN_PYTHON, a Python with the packages of test/gate/differential/requirements.txt'
    : spawnSync(PYTHON, ['-c', `import ${MODULES}`]).status !== 0 &&
      'needs the packages of test/gate/differential/requirements.txt in CLIPN_PYTHON';
export const go = spawnSync('go', ['version']).status === 0;

/** Whether the service's decoder accepts a picture; the cause `undecodable` is closed. */
const decodable = (bytes: Uint8Array) =>
  sharp(bytes, { failOn: 'error' })
    .raw()
    .toBuffer()
    .then(
      () => true,
      () => false,
    );

/** A gate with one route for each adapter, and the parsers behind it. */
export class Differential {
  readonly #url: string;
  readonly #upstream: Awaited<ReturnType<typeof recordingUpstream>>;
  readonly #python: Peer;
  readonly #go: Peer | undefined;
  readonly #judged: Buffer[];

  private constructor(
    url: string,
    upstream: Awaited<ReturnType<typeof recordingUpstream>>,
    judged: Buffer[],
    peers: [Peer, Peer | undefined],
  ) {
    this.#url = url;
    this.#upstream = upstream;
    this.#judged = judged;
    [this.#python, this.#go] = peers;
  }

  static async start(t: After): Promise<Differential> {
    const upstream = await recordingUpstream(t);
    const routes = ADAPTERS.map((adapter) => ({
      match: { path: `/${adapter}` },
      mode: 'enforce',
      adapter,
      budget_ms: 60_000,
      ...(adapter === 'json' ? { pointers: ['/photo', '/image'] } : {}),
    }));
    const { url, engine, audit, events, log } = await startGate(t, upstream.url, { routes });
    const judged: Buffer[] = [];
    const detect = engine.detect.bind(engine);
    engine.detect = async (request: DetectRequest, signal) => {
      judged.push(Buffer.from(request.bytes));
      const known = await decodable(request.bytes);
      for (const list of [audit, events, log, engine.requests]) list.length = 0;
      return detect({ ...request, bytes: image(known ? 'ID' : 'BAD') }, signal);
    };
    const python = new Peer(PYTHON as string, ['-u', `${import.meta.dirname}/parsers.py`], {
      PYTHONDONTWRITEBYTECODE: '1',
    });
    const peer = go ? new Peer('go', ['run', `${import.meta.dirname}/parsers.go`]) : undefined;
    t.after(async () => {
      await python.close();
      await peer?.close();
    });
    return new Differential(url, upstream, judged, [python, peer]);
  }

  /** Small pictures in all formats of Pillow. */
  async pictures(): Promise<Picture[]> {
    const { pictures } = await this.#python.ask<{ pictures: { name: string; base64: string }[] }>({ pictures: true });
    return pictures.map(({ name, base64 }) => ({ name, bytes: Buffer.from(base64, 'base64') }));
  }

  /** Sends bodies through the gate, and those that it passes to all parsers. */
  async run(samples: Iterable<Sample>): Promise<Outcome[]> {
    const outcomes: Promise<Outcome>[] = [];
    for (const sample of samples) {
      this.#judged.length = 0;
      this.#upstream.requests.length = 0;
      const headers: [string, string][] = [...sample.headers, ['content-length', String(sample.body.length)]];
      const { path, body } = sample;
      const answer = await ask(this.#url, { path, headers, body });
      const judged = this.#judged.slice();
      const passed = this.#upstream.requests.length > 0;
      const cause =
        answer.header('x-clipn-unexamined') ??
        answer.header('x-clipn-failure') ??
        answer.header('x-clipn-verdict') ??
        `status ${answer.status}`;
      const outcome = { sample, passed, judged: judged.length, cause, opened: 0, unjudged: [] };
      outcomes.push(
        passed ? this.#parse(sample, judged).then((seen) => ({ ...outcome, ...seen })) : Promise.resolve(outcome),
      );
      // the parsers read while the gate reads the next bodies, but not without limit
      if (outcomes.length > 32) await outcomes[outcomes.length - 32];
    }
    return Promise.all(outcomes);
  }

  async #parse(sample: Sample, judged: readonly Buffer[]): Promise<Pick<Outcome, 'opened' | 'unjudged'>> {
    // loaded here, so that a checkout without these packages can skip the test
    const { nodeValues } = await import('./node-parsers.ts');
    const values: Values = await nodeValues(sample);
    const body = sample.body.toString('base64');
    const { headers } = sample;
    const fromGo = await this.#go?.ask<string[]>({ headers, body });
    const { opened, unjudged } = await this.#python.ask<{ opened: number; unjudged: Omit<Unjudged, 'sample'>[] }>({
      headers,
      body,
      values: [
        ...values.map(([name, value]) => [name, value.toString('base64')]),
        ...(fromGo ?? []).map((value) => ['Go', value]),
      ],
      judged: judged.map((bytes) => bytes.toString('base64')),
    });
    return { opened, unjudged: unjudged.map((seen) => ({ ...seen, sample })) };
  }
}
