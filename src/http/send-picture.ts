import type { FastifyReply } from 'fastify';

/** Answers with a stored image as its client sent it. */
export function sendPicture(reply: FastifyReply, sha256: string, format: string, file: Buffer): FastifyReply {
  return (
    reply
      .type(`image/${format}`)
      // bytes of strangers: a browser must treat them as an image or not at all
      .header('x-content-type-options', 'nosniff')
      .header('content-security-policy', "default-src 'none'; sandbox")
      .header('cache-control', 'private, no-store')
      .header('content-disposition', `inline; filename="${sha256}.${format}"`)
      .send(file)
  );
}
