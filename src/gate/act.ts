import type { Filter } from './adapters/types.ts';
import { annotations, templateValues } from './annotations.ts';
import { filtered } from './filtered.ts';
import { bytesOf, forward, TRACE_FIELDS } from './forward.ts';
import type { GatedExchange } from './gated.ts';
import type { Inspection } from './inspect.ts';
import type { Conclusion } from './policy.ts';
import type { ReadBody } from './proxy/body.ts';
import type { Body } from './proxy/exchange.ts';
import { requestHeaders } from './proxy/headers.ts';
import { respond, statusOf } from './respond.ts';

type Fields = [string, string][];

/** Fields about the coding of the body or the answer, which do not apply to a filtered batch. */
const FILTERED_BODY = new Set(['expect', 'content-length', 'transfer-encoding', 'trailer', 'accept-encoding']);

/** Does with a request what the policy has concluded: answers it, filters it, or forwards it. Rejects with UpstreamError. */
export async function act(
  gated: GatedExchange,
  body: ReadBody,
  inspection: Inspection,
  conclusion: Conclusion,
): Promise<void> {
  const { request, runtime, route, decided, continued } = gated;
  const { action } = conclusion;
  if (action === 'reject' || action === 'refuse') return reply(gated, inspection, conclusion);
  const answerExtra = annotationsFor(gated, inspection, conclusion);
  const extra = decided.mode === 'shadow' ? [] : annotations(inspection, conclusion, decided.mode);
  const { filter } = inspection.extraction;
  if (action === 'filter' && filter) return forwardFiltered(gated, filter, conclusion.ood, { extra, answerExtra });
  const onward: Body = body.whole ? bytesOf(request, body) : { kind: 'stream', request, prefix: body.bytes };
  const upstream = action === 'fallback' ? runtime.fallback(route) : runtime.upstream;
  await forward(gated, onward, { upstream, extra, answerExtra, idempotent: route.idempotent, continued });
}

/** Sends the gate's own answer instead of the upstream's. */
export function reply(
  { route, response, requestId, decided }: GatedExchange,
  inspection: Inspection,
  conclusion: Conclusion,
): void {
  if (response.destroyed) return;
  const { action, cause } = conclusion;
  const template = action === 'reject' ? route.reject : route.failReject;
  const status = statusOf(template, action === 'reject' ? undefined : cause);
  const values = templateValues(inspection, conclusion, { requestId, route: route.name });
  respond(response, template, status, values, annotations(inspection, conclusion, decided.mode));
}

/** Fields that the answer of the upstream gets; none in shadow mode, unless the route wants them. */
export function annotationsFor(
  { route, decided }: GatedExchange,
  inspection: Inspection,
  conclusion: Conclusion,
): Fields {
  if (decided.mode === 'shadow' && !route.headers) return [];
  return annotations(inspection, conclusion, decided.mode);
}

/** Forwards a batch without the instances of OOD images. */
async function forwardFiltered(
  { request, response, runtime, route, trace, target, client }: GatedExchange,
  filter: Filter,
  ood: Conclusion['ood'],
  { extra, answerExtra }: { extra: Fields; answerExtra: Fields },
): Promise<void> {
  const { upstream, settings } = runtime;
  const part = filter.request(ood);
  const call = trace?.upstream();
  const headers = requestHeaders(request, {
    forwarded: settings.forwarded,
    host: upstream.host,
    without: call?.headers ? new Set([...FILTERED_BODY, ...TRACE_FIELDS]) : FILTERED_BODY,
    extra: [...extra, ...(call?.headers ?? []), ['Content-Length', String(part.body.length)]],
  });
  const head = { method: request.method as string, target, headers };
  const body: Body = { kind: 'bytes', bytes: part.body, trailers: [] };
  const sending = { upstream, head, body, response, client, idempotent: route.idempotent, call };
  await filtered(sending, (answer) => filter.answer(answer, ood, route.placeholder), answerExtra);
}
