import { act, annotationsFor, reply } from './act.ts';
import { decide, type Watchers } from './decide.ts';
import { bytesOf, forward } from './forward.ts';
import type { GatedExchange } from './gated.ts';
import { type Inspection, type Inspector, unjudged } from './inspect.ts';
import { type BufferPool, type ReadBody, readBody } from './proxy/body.ts';
import type { GateObserver } from './seams.ts';

export interface GatingParts {
  inspector: Inspector;
  observer: GateObserver;
}

/** Reads the body of a request, inspects it, and does what the policy says. Rejects with UpstreamError. */
export async function gate(gated: GatedExchange, parts: GatingParts): Promise<void> {
  const { request, response, route, runtime } = gated;
  const announced = Number(request.headers['content-length'] ?? 0);
  if (/^100-continue$/i.test(request.headers.expect ?? '') && announced <= route.maxBodyBytes) {
    response.writeContinue();
    gated.continued = true;
  }
  const body = await readBody(request, route.maxBodyBytes, runtime.pool);
  response.once('close', body.release);
  gated.trace?.lap('receive');
  const watchers = { began: performance.now(), observer: parts.observer, audit: runtime.audit };
  if (body.whole && route.parallel) return inParallel(gated, body, parts.inspector, watchers);
  const inspection = body.whole ? await inspect(gated, body.bytes, parts.inspector) : unread(gated, body, runtime.pool);
  if (gated.client.gone) return;
  await act(gated, body, inspection, decide(gated, inspection, watchers));
}

function inspect(gated: GatedExchange, body: Buffer, inspector: Inspector): Promise<Inspection> {
  const { route, decided, tenant, request, requestId, client, trace } = gated;
  const { headers, rawHeaders, url: target = '' } = request;
  const asked = { route, decided, tenant, requestId, body, headers, rawHeaders, target, trace };
  return inspector.inspect({ ...asked, interface: 'gate' }, client.signal());
}

/** Judges and forwards at the same time; the answer waits for the verdict. */
async function inParallel(
  gated: GatedExchange,
  body: ReadBody,
  inspector: Inspector,
  watchers: Watchers,
): Promise<void> {
  let refused: (() => void) | undefined;
  const allowed = inspect(gated, body.bytes, inspector).then((inspection) => {
    if (gated.client.gone) return undefined;
    const conclusion = decide(gated, inspection, watchers);
    if (conclusion.action === 'pass') return annotationsFor(gated, inspection, conclusion);
    refused = () => reply(gated, inspection, conclusion);
    return undefined;
  });
  await forward(gated, bytesOf(gated.request, body), {
    allowed,
    idempotent: gated.route.idempotent,
    continued: gated.continued,
  });
  refused?.();
}

/** The inspection of a body that was not read to its end. */
function unread({ tenant }: GatedExchange, { reason }: ReadBody, pool: BufferPool): Inspection {
  return reason === 'overloaded'
    ? unjudged(tenant, 'overloaded', `bodies of other requests leave ${pool.free} bytes of memory`)
    : unjudged(tenant, 'too_large', 'the body is larger than the limit of this route');
}
