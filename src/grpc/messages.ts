import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { ServiceError } from '../errors/index.ts';
import { PACKAGE } from '../installation.ts';
import { checkBounds, type MessageBounds } from './bounds.ts';

const FOLDER = new URL('proto/', PACKAGE);

const ROOT = new protobuf.Root().loadSync(
  ['open_inference.proto', 'external_auth.proto', 'health.proto'].map((name) => fileURLToPath(new URL(name, FOLDER))),
  { keepCase: true },
);

/** A kind of message: its bytes from and to an object. Fields have the names of proto/; 64-bit numbers are Numbers. */
export interface MessageKind<T> {
  /** @throws ServiceError invalid_request */
  decode(bytes: Buffer): T;
  encode(message: Partial<T>): Buffer;
}

/**
 * The message with this full name, such as `inference.ModelInferRequest`.
 * @param bounds bounds of received messages, which are checked before objects are made
 */
export function messageKind<T extends object>(name: string, bounds?: MessageBounds): MessageKind<T> {
  const type = ROOT.lookupType(name);
  return {
    decode: (bytes) => {
      checkBounds(bytes, bounds ?? {});
      try {
        return type.toObject(type.decode(bytes), { longs: Number, arrays: true, objects: true, defaults: true }) as T;
      } catch (error) {
        throw new ServiceError('invalid_request', `The request is not a message ${name}.`, { internal: String(error) });
      }
    },
    encode: (message) => {
      const bytes = type.encode(type.fromObject(message)).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
  };
}
