/** A request as it is sent, and how it was made, for reports. */
export interface Sample {
  made: string;
  path: string;
  headers: [string, string][];
  body: Buffer;
}

export interface Picture {
  name: string;
  bytes: Buffer;
}

export const sampleOf = (made: string, type: string | undefined, body: Buffer | string, path = '/auto'): Sample => ({
  made,
  path,
  headers: type === undefined ? [] : [['content-type', type]],
  body: Buffer.from(body as string),
});
