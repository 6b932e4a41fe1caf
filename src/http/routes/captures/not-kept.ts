import { ServiceError } from '../../../errors/index.ts';

/** The error for an image that is not among those of the tenant. */
export const notKept = () =>
  new ServiceError(
    'capture_not_found',
    'No image with this SHA-256 is kept for this tenant; it may have been removed.',
  );
