import { extname } from 'node:path';

const ENDINGS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff']);

/** Whether a file is meant to be an image, by its name. Whether it is one, the decoder says. */
export const isImageName = (name: string): boolean => ENDINGS.has(extname(name).toLowerCase());
