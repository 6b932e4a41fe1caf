/** A picture that was added to the page. */
export interface Picture {
  name: string;
  blob: Blob;
  /** Name of the folder that it is in, if a folder was chosen. */
  folder?: string;
}
