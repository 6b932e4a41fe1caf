/** Texts for people in place of the service's, which are for programmers, by the stable code of the error. */
const TITLES: Record<string, string> = {
  invalid_request: 'The service cannot use this input',
  too_many_images: 'Too many images at once',
  no_image: 'There is no image in this file',
  unauthenticated: 'A valid key is needed',
  cross_origin: 'This page may not change anything here',
  not_found: 'The service does not offer this',
  method_not_allowed: 'The service does not offer this',
  precondition_failed: 'Another client has changed this in the meantime',
  unknown_host: 'The address of this page is not on the list of the service',
  payload_too_large: 'The file is too large',
  unsupported_media_type: 'This is not an image that the service can read',
};

const TEXTS: Record<string, string> = {
  tenant_not_found: 'There is no tenant of this name. It may have been deleted.',
  precondition_failed: 'Your change was not saved, because it would undo the other change.',
  payload_too_large: 'It has more bytes than the service accepts.',
  cross_origin: 'The operator of the service can allow it.',
  unknown_host: 'The operator of the service can add the address.',
};

/** Terms of HTTP, of its methods and headers, addresses of the API, and settings of the operator. */
export const TECHNICAL =
  /\b(?:GET|HEAD|PUT|POST|PATCH|DELETE|OPTIONS|HTTPS?|JSON|URL)\b|\b(?:request|endpoint|payload|header|status|body|query|media type|[a-z]+\/(?:json|octet-stream)|multipart)s?\b|\/v1\/|\/openapi|\b[A-Z][a-z]+(?:-[A-Z][a-z]+)+\b|\b(?:If-Match|ETag|CLIPN_[A-Z_]+|Authorization|x-api-key)\b|\b[1-5]\d\d\b(?= |$)/;

const sentences = (text: string) => text.match(/[^.!?]+(?:[.!?](?! |$)[^.!?]*)*[.!?]?(?: |$)/g) ?? [text];

/** A sentence up to the first clause that only a programmer can use; empty if that is the first one. */
function plain(sentence: string): string {
  const clauses = sentence.trim().split(/(?<=[:;]) /);
  const technical = clauses.findIndex((clause) => TECHNICAL.test(clause));
  if (technical < 0) return sentence.trim();
  const kept = clauses.slice(0, technical).join(' ').replace(/[:;]$/, '');
  return kept === '' ? '' : `${kept}.`;
}

export interface Words {
  title: string;
  text: string;
}

/** Title and text of an error for people: without the sentences that only a programmer can use. */
export function wordsFor({ code, title, detail }: { code: string; title: string; detail: string }): Words {
  const shown = TITLES[code] ?? (TECHNICAL.test(title) ? 'An error occurred' : title);
  return { title: shown, text: TEXTS[code] ?? sentences(detail).map(plain).filter(Boolean).join(' ') };
}
