import type { Client } from './generated/client/index.js';
import { detect } from './generated/sdk.gen.js';
import type { DetectData, DetectRequest, Verdict } from './generated/types.gen.js';
import { GateError } from './gate.js';

/** The verdict on one image: a path (Node.js only), or a `Blob` or `File`. @throws GateError */
export async function detectFile(
  client: Client,
  file: string | Blob,
  query: NonNullable<DetectData['query']> = {},
): Promise<Verdict> {
  const blob = typeof file === 'string' ? await (await import('node:fs')).openAsBlob(file) : file;
  const name = typeof file === 'string' ? file.replace(/.*[\\/]/, '') : blob instanceof File ? blob.name : 'image';
  const form = new FormData();
  form.append('file', blob, name);
  const { data } = await detect({
    client,
    // the generator knows one form of the body; null lets `fetch` write the boundary of a form
    body: form as unknown as DetectRequest,
    bodySerializer: null,
    headers: { 'Content-Type': null } as DetectData['headers'],
    query,
    throwOnError: true,
  });
  const [result] = data.results;
  if (!result) throw new GateError(200, { detail: 'the reply has no result' });
  if ('error' in result) throw new GateError(result.error.status, result.error);
  return result;
}
