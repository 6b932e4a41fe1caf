import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ADAPTERS } from '../../src/gate/config/schema.ts';
import { ask, image, recordingUpstream, startGate } from '../helpers/gate.ts';
import { ROOT } from '../helpers/paths.ts';

const CASES = join(ROOT, '../shared/cases/gate');
const here = existsSync(CASES);
const names = here ? readdirSync(CASES).flatMap((file) => (file.endsWith('.json') ? [file.slice(0, -5)] : [])) : [];

interface Case {
  path: string;
  headers: [string, string][];
  expect: string;
}

/** One hash of the pictures in the cases that the classes show. */
const KNOWN = image('ID');
const OPTIONS: Record<string, object> = { json: { pointers: ['/photo'] } };

/** The same request with a picture that the classes show at a place where one is expected. */
function withDecoy(body: Buffer, headers: [string, string][]): Buffer | undefined {
  const type = headers.at(-1)?.[1] ?? '';
  const boundary = /^multipart\/.*boundary=(.*)$/.exec(type)?.[1];
  if (boundary !== undefined) {
    const part = `--${boundary}\r\nContent-Disposition: form-data; name="first"; filename="f.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`;
    return Buffer.concat([Buffer.from(part), KNOWN, Buffer.from('\r\n'), body]);
  }
  const text = body.toString('latin1');
  if (!text.startsWith('{')) return undefined;
  return Buffer.from(`{"photo":"${KNOWN.toString('base64')}",${text.slice(1)}`, 'latin1');
}

describe('requests that once passed the gate unjudged', {
  skip: here ? false : 'needs the requests of ../shared/cases/gate, which are not here',
  concurrency: 3,
}, () => {
  for (const adapter of ADAPTERS) {
    it(`requests that once passed unjudged are judged or refused without a "fail" in the file, alone and beside an ID image: ${adapter}`, async (t) => {
      const upstream = await recordingUpstream(t);
      const { url, engine } = await startGate(t, upstream.url, {
        routes: [{ match: { path: '/classify' }, mode: 'enforce', adapter, budget_ms: 60_000, ...OPTIONS[adapter] }],
      });
      const detect = engine.detect.bind(engine);
      // the pictures in the cases are real: all but one are of none of the classes
      engine.detect = (request, signal) => {
        const bytes = Buffer.from(request.bytes);
        const word = bytes.equals(KNOWN) ? bytes : image(bytes.equals(photograph) ? 'ID' : 'OOD');
        return detect({ ...request, bytes: word }, signal);
      };
      const form = readFileSync(join(CASES, 'bmw-false-refusal.body'));
      const start = form.indexOf(Buffer.from('ffd8ff', 'hex'));
      const photograph = form.subarray(start, form.lastIndexOf('\r\n--'));
      for (const name of names) {
        const { path, headers, expect } = JSON.parse(readFileSync(join(CASES, `${name}.json`), 'utf8')) as Case;
        const body = readFileSync(join(CASES, `${name}.body`));
        for (const bytes of [body, withDecoy(body, headers)]) {
          if (!bytes) continue;
          const sized = headers.map(([key, value]): [string, string] =>
            key === 'inference-header-content-length' ? [key, String(bytes.length)] : [key, value],
          );
          upstream.requests.length = 0;
          const fields: [string, string][] = [...sized, ['content-length', String(bytes.length)]];
          const answer = await ask(url, { path, headers: fields, body: bytes });
          const where = `${name}, ${adapter}${bytes === body ? '' : ', beside a decoy'}`;
          if (expect === 'judged, and not refused') {
            assert.deepEqual([answer.status, answer.header('x-clipn-verdict')], [200, 'id'], where);
            continue;
          }
          assert.equal(upstream.requests.length, 0, `${where} reached the upstream`);
          const outcome = answer.header('x-clipn-failure') ?? answer.header('x-clipn-verdict');
          assert.ok(outcome === 'ood' || outcome === 'unexamined', `${where}: ${outcome}`);
        }
      }
    });
  }
});
