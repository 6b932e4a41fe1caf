import { Type } from 'typebox';
import { hosts } from './patterns.ts';
import { count, duration, MiB, setting, size } from './setting.ts';

/** The settings of connections that the service opens for its clients: images by url, and events. */
export const outgoing = {
  imageUrls: setting(
    Type.String({
      default: '',
      pattern: hosts('https?|s3'),
    }),
    'CLIPN_IMAGE_URLS',
    'text',
    'hosts from which images may be fetched by url, separated by commas: images.example.com or *.example.com (https), http://host:port, s3://bucket; a private address is reached only where it is named itself, such as 10.0.0.5:9000; empty means none',
  ),
  imageUrlTimeoutMs: setting(
    duration(5000, 1),
    'CLIPN_IMAGE_URL_TIMEOUT_MS',
    'milliseconds',
    'longest time to fetch one image by url',
  ),
  eventUrls: setting(
    Type.String({ default: '', pattern: hosts('https?') }),
    'CLIPN_EVENT_URLS',
    'text',
    'hosts to which tenants may have events sent, separated by commas: hooks.example.com or *.example.com (https), http://host:port; a private address is reached only where it is named itself, such as 10.0.0.5:9000; empty means none',
  ),
  eventSecretsDir: setting(
    Type.String({ default: '' }),
    'CLIPN_EVENT_SECRETS_DIR',
    'text',
    'directory of the secrets that sign events: a file for each tenant, named by its id, and default for all others',
  ),
  eventQueue: setting(
    count(10_000, 1, 10_000_000),
    'CLIPN_EVENT_QUEUE',
    'integer',
    'largest number of events in memory; further ones displace the oldest of the tenant that has the most',
  ),
  eventQueueBytes: setting(size(16 * MiB), 'CLIPN_EVENT_QUEUE_BYTES', 'bytes', 'largest size of these events'),
  eventBatchMs: setting(
    duration(1000),
    'CLIPN_EVENT_BATCH_MS',
    'milliseconds',
    'longest time that an event waits for others of its batch; 100 events are sent at once',
  ),
  eventTimeoutMs: setting(
    duration(10_000, 1),
    'CLIPN_EVENT_TIMEOUT_MS',
    'milliseconds',
    'longest time for a receiver of events to answer',
  ),
  eventMaxAgeMs: setting(
    duration(900_000, 1000),
    'CLIPN_EVENT_MAX_AGE_MS',
    'milliseconds',
    'age at which an event that could not be delivered is dropped',
  ),
};
