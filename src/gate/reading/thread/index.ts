import { codingsOf } from '../coding.ts';
import { imageFormat } from '../formats/image-format.ts';
import { type Message, type ReadOptions, type ReadRequest, readRequest } from '../index.ts';
import { Interrupted } from '../reading.ts';
import { ReadingThread } from './reading-thread.ts';

/** Bodies up to this size are read where they came, because the way to the thread costs as much as most of them. */
const SMALL = 8 * 1024;
/** Larger bodies are read in the thread at once: one step of their reading would take several milliseconds. */
const LARGE = 128 * 1024;

/** One for the process, for all its gates. */
const thread = new ReadingThread();

/**
 * Reads a request as `readRequest` does, with the same result, but without holding up the event loop: a body that is large, packed, or
 * not read after one slice is read in a thread of its own.
 * @throws ExtractionError, and the reason of the signal
 */
export async function readFairly(message: Message, options: ReadOptions, signal?: AbortSignal): Promise<ReadRequest> {
  const { body, headers } = message;
  const packed = codingsOf(headers['content-encoding'] ?? '').length > 0;
  if (packed || (body.length > LARGE && !imageFormat(body))) return thread.read(message, options, signal);
  try {
    return await readRequest(message, options, { signal, oneSlice: body.length > SMALL });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    signal?.throwIfAborted();
    return thread.read(message, options, signal);
  }
}
