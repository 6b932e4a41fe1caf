import { type FailCause, WITH_BODY } from '../../../gate/index.ts';
import type { ClientRequest } from './client-request.ts';

export interface BodyFault {
  /** `missing`: nothing of an announced body came. */
  kind: 'missing' | 'partial' | 'altered';
  cause: FailCause;
  detail: string;
}

/** Types of bodies that carry images. Clients hardly send them with a method that has no body, as they do with JSON. */
const OF_IMAGES = /^\s*(image\/|multipart\/|application\/octet-stream)/i;

/** Whether the client's headers announce a body, although none came. */
function isMissing({ method, methodKnown, headers, body, announced }: ClientRequest): boolean {
  if (body.length > 0) return false;
  if (announced !== undefined) return announced > 0;
  const type = headers['content-type'];
  if (methodKnown && !WITH_BODY.includes(method)) return type !== undefined && OF_IMAGES.test(type);
  const signs = [type, headers['content-encoding'], headers['transfer-encoding'], headers.expect];
  return signs.some((value) => value !== undefined);
}

/**
 * The methods to find a route for. A proxy that asks with a method of its own (nginx asks with GET) and sends no body has lost
 * the client's, so the routes of every method with a body count.
 */
export function methodsOf(client: ClientRequest): readonly string[] {
  const { method } = client;
  return WITH_BODY.includes(method) || !isMissing(client) ? [method] : [method, ...WITH_BODY];
}

/** The reason why the body that came is not the client's; undefined if it is. */
export function bodyFault(client: ClientRequest): BodyFault | undefined {
  const { headers, body, announced, altered } = client;
  if (isMissing(client)) {
    const detail = 'the request announces a body that the proxy did not send';
    return { kind: 'missing', cause: 'unexamined', detail };
  }
  if (headers['x-envoy-auth-partial-body'] === 'true') {
    return { kind: 'partial', cause: 'too_large', detail: 'the proxy sent only the beginning of the body' };
  }
  if (announced !== undefined && announced > body.length) {
    const detail = `the proxy sent ${body.length} of ${announced} bytes of the body`;
    return { kind: 'partial', cause: 'too_large', detail };
  }
  return altered === undefined ? undefined : { kind: 'altered', cause: 'unexamined', detail: altered };
}
