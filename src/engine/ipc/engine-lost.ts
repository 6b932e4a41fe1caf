import { ServiceError } from '../../errors/index.ts';

/** The engine process ended before it answered; any of the images inside it may be the cause. */
export class EngineLost extends ServiceError {
  constructor() {
    super('engine_unavailable', 'The inference engine ended while it worked on the image; try again shortly.', {
      retryAfterSeconds: 1,
    });
  }
}
