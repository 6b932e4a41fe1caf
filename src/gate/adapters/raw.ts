import { type Adapter, separate } from './types.ts';

/** The body is the image: image/*, application/octet-stream, and what curl calls a form when it sends a file. */
export const raw: Adapter = (body) => separate(body.length === 0 ? [] : [{ id: 'body', bytes: body }]);
