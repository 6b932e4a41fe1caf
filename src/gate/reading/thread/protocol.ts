import type { FilterPlan } from '../../adapters/types.ts';
import type { Message, ReadOptions, Unexamined } from '../index.ts';

/** The parts of an image's body: a place in the body that both threads have, or bytes of its own. */
export type ImageBytes = { start: number; end: number } | Uint8Array<ArrayBuffer> | undefined;

export interface ReadImage {
  id: string;
  instance: number;
  bytes: ImageBytes;
}

/** The result of a reading, in a form that can be sent to another thread. */
export interface Findings {
  images: ReadImage[];
  instances: number;
  droppable: number | undefined;
  filter: FilterPlan | undefined;
  unexamined: Unexamined | undefined;
}

export type ToReader =
  | {
      kind: 'read';
      id: number;
      message: Omit<Message, 'body'> & { body: Uint8Array<ArrayBuffer> };
      options: ReadOptions;
    }
  /** No request waits for this reading any more. */
  | { kind: 'drop'; id: number };

export type FromReader =
  | ({ kind: 'read'; id: number } & Findings)
  | { kind: 'refused'; id: number; failure: 'undecodable' | 'too_large' | 'no_image'; detail: string }
  | { kind: 'dropped'; id: number }
  /** A fault of the program. */
  | { kind: 'failed'; id: number; name: string };
