import type { IncomingMessage } from 'node:http';
import { type OutgoingRequest, send } from '../../outgoing/send.ts';
import { privateAddress } from './errors.ts';

const HEADERS = {
  accept: 'image/*, application/octet-stream',
  'accept-encoding': 'identity',
  'user-agent': 'clipn-gate',
};

/**
 * Asks for an image by one GET; see `send`.
 * @throws ServiceError image_url_refused where an address is not public; errors of the connection
 */
export function get(request: Omit<OutgoingRequest, 'method' | 'body' | 'refused'>): Promise<IncomingMessage> {
  return send({ ...request, method: 'GET', headers: { ...HEADERS, ...request.headers }, refused: privateAddress });
}
