import { EventSourceParserStream } from 'eventsource-parser/stream';
import { call } from './client.ts';

export interface ServerEvent {
  name: string;
  data: string;
}

/** Server-sent events by fetch, because EventSource cannot send a key. Ends with the stream. */
export async function* events(path: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const response = await call(path, { signal, headers: { accept: 'text/event-stream' } });
  const reader = response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  if (!reader) return;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (value.data !== '') yield { name: value.event ?? '', data: value.data };
  }
}
