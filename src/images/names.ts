import { extname } from 'node:path';

const ENDINGS = new Set(['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.gif', '.avif', '.tif', '.tiff']);

/** Whether a file name has the ending of an image format. The content is checked by the decoder only. */
export const isImageName = (name: string): boolean => ENDINGS.has(extname(name).toLowerCase());
