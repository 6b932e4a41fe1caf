import { ServiceError } from '../../errors/index.ts';

/** The engine process ended before it had answered: the image may be to blame, or may only have been near. */
export class EngineLost extends ServiceError {
  constructor() {
    super('engine_unavailable', 'The inference engine stopped while it worked on this; try again shortly.', {
      retryAfter: 1,
    });
  }
}
