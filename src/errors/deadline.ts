import { ServiceError } from './index.ts';

/**
 * Every check of a deadline throws one of these errors, so this file names all of them, in the order in which a request meets them.
 * A deadline that cannot be met at the measured rate is refused on arrival as `overloaded`, by `Dispatcher.check`.
 */
export const deadlinePassed = {
  /** `http/admission.ts`, when the headers and again when the body have been received. */
  whileReceived: (askedMs: number) =>
    passed(`The request took longer to receive than the ${askedMs} ms that it allows.`),

  /** `grpc/receive.ts`: the longest time for the message of a call. */
  messageLate: (seconds: number) => passed(`The message did not arrive within ${seconds} seconds.`),

  /** `engine/front/admission/dispatcher.ts`: a timer for each image that waits or is in an engine, and a look before it is sent. */
  inFront: (timeoutMs: number | undefined) => passed(`No verdict within ${timeoutMs} ms.`),

  /** `engine/image-process/lanes/lanes.ts`: when a lane takes the image; on a device again before its run. */
  beforeRun: () => passed('The deadline passed before the image was run.'),

  /** `gate/inspect.ts`: the time budget of a gated request. */
  overBudget: (budgetMs: number) => passed(`No verdict within the budget of ${budgetMs} ms.`),
};

/** The reason of a request whose client has disconnected; it receives no answer. */
export const clientLeft = () => new ServiceError('deadline_exceeded', 'The client closed the connection.');

/** The reason of work in an engine process that the front has cancelled: the client has disconnected, or the timer of the front has run out. */
export const cancelled = () => new ServiceError('deadline_exceeded', 'The front process cancelled the request.');

const passed = (detail: string) => new ServiceError('deadline_exceeded', detail);
