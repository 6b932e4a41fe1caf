import { ServiceError } from '../../errors/index.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** JSON is UTF-8 (RFC 8259). A text in another charset would be stored with other characters. @throws ServiceError unsupported_media_type */
export function checkCharset(contentType = ''): void {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType) ?? [];
  if (/^(utf-?8|us-ascii|ascii)$/i.test(charset)) return;
  throw new ServiceError(
    'unsupported_media_type',
    'JSON is accepted in UTF-8 only. Send it in UTF-8, with the content type application/json and no other charset.',
  );
}

/** The text of a JSON body, without a byte order mark. @throws ServiceError invalid_request where it is not UTF-8 */
export function textOfJson(body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch (error) {
    throw new ServiceError('invalid_request', 'The body is not UTF-8. Encode the JSON in UTF-8.', { cause: error });
  }
}
