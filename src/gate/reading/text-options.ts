import type { At, Steps } from './reading.ts';

export interface TextOptions {
  /** In forms a plus sign means a blank, so the server would decode base64 with plus signs to other bytes. */
  plusIsBlank?: boolean;
  /** The text is another text without its escapes, whose noise was tested there. */
  unescaped?: boolean;
}

/** Examines the content of a layer of encoding. */
export type Deeper = (bytes: Buffer, at: At, options?: TextOptions) => Steps;
