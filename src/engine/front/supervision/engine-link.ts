import { type LinkOptions, ProcessLink } from '../../ipc/process-link.ts';
import type { EngineOperations } from '../../ipc/protocol.ts';

type Handlers = Pick<LinkOptions, 'onMessage' | 'onObservation' | 'onExit'>;

/** Starts an engine process. @param threads cores that its lanes use together */
export function startEngineProcess(threads: number, handlers: Handlers): ProcessLink<EngineOperations> {
  return new ProcessLink({
    module: 'image-process/main',
    // libuv's pool decodes the images, so that never more images are decoded at once than there are cores
    env: { UV_THREADPOOL_SIZE: String(Math.max(2, threads)) },
    // Decoded pixels are outside V8's heap, but they make V8 start a garbage collection of the small heap many times a second, on three
    // threads. Without incremental and concurrent marking an image needs 6 % less processor time.
    execArgv: ['--no-incremental-marking', '--no-concurrent-marking'],
    ...handlers,
  });
}
