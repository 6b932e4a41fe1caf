import type { CaptureRecord } from '../../../capture/index.ts';
import { ServiceError } from '../../../errors/index.ts';
import type { LabelBody, LabelWord } from '../../schemas/label.ts';

/** The images of a request with their labels. @throws ServiceError invalid_request, capture_not_found */
export function requestOf(
  { sha256, request_id, label, labels }: LabelBody,
  kept: ReadonlyMap<string, CaptureRecord>,
): { sha256: string; label: LabelWord }[] {
  const single = sha256 !== undefined || request_id !== undefined || label !== undefined;
  if (labels) {
    if (single)
      throw new ServiceError('invalid_request', '`labels` cannot be combined with `sha256`, `request_id` or `label`.');
    return labels;
  }
  if (label === undefined || (sha256 === undefined) === (request_id === undefined))
    throw new ServiceError('invalid_request', 'Give `label` and either `sha256` or `request_id`, or give `labels`.');
  if (sha256 !== undefined) return [{ sha256, label }];
  const images = [...kept.values()].filter((image) => image.request_id === request_id);
  if (images.length === 0)
    throw new ServiceError('capture_not_found', 'No image of a request with this id is kept for this tenant.');
  if (images.length > 1)
    throw new ServiceError(
      'invalid_request',
      `${images.length} images with this request id are kept. Name one by \`sha256\`.`,
    );
  return images.map(({ key }) => ({ sha256: key, label }));
}
