import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy';
import { looksLikeImage } from './sniff.ts';
import { type Adapter, ExtractionError, type FoundImage, separate } from './types.ts';

/** multipart/form-data: the parts of the given names, or every part that says or shows that it is an image. */
export const multipart: Adapter = (body, headers, { fields }) =>
  new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(new ExtractionError('undecodable', `the form is malformed: ${error}`));
    const images: Omit<FoundImage, 'instance'>[] = [];
    let parser: BusboyInstance;
    try {
      parser = new Busboy({
        headers: headers as BusboyHeaders,
        // the body is bounded already; a part that the parser would cut is a part that nobody has looked at
        limits: { fieldSize: body.length + 1, fileSize: body.length + 1, fields: 1000, files: 1000, parts: 2000 },
        // every part as bytes: a part without a file name may be an image as well
        isPartAFile: () => true,
      });
    } catch (error) {
      fail(error);
      return;
    }
    parser.on('file', (name, stream, filename, _encoding, type) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const wanted = fields ? fields.includes(name) : type.startsWith('image/') || looksLikeImage(bytes);
        if (wanted) images.push({ id: filename || name, bytes });
      });
      stream.on('error', fail);
    });
    for (const limit of ['filesLimit', 'partsLimit', 'fieldsLimit'] as const) {
      parser.on(limit, () => reject(new ExtractionError('too_large', 'the form has too many parts')));
    }
    parser.on('error', fail);
    parser.on('finish', () => resolve(separate(images)));
    parser.end(body);
  });
