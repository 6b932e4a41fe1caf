import { randomUUID } from 'node:crypto';
import type { Rule } from '../clipn/index.ts';
import type { Detection } from '../engine/index.ts';
import type { Serving } from '../tenants/tenant.ts';

/** The interface that a request came through. */
export type Interface = 'detect' | 'oip' | 'gate' | 'ext_authz';

/** A verdict on one image of a request. */
export interface GivenVerdict {
  tenant: string;
  /** The version of the tenant that judged. */
  serving: Pick<Serving, 'version' | 'classes' | 'model'>;
  interface: Interface;
  requestId: string;
  /** Place of the image in its request, from 0. */
  index: number;
  method: Rule;
  decision: 'id' | 'ood';
  detection: Detection;
}

/**
 * The verdict as an event of CloudEvents 1.0 in JSON. Neither the image nor its name is part of it, because file names can be personal data; the hash of
 * the image and the id of the request connect it with what the client knows.
 */
export function eventOf(verdict: GivenVerdict): string {
  const { tenant, serving, detection, decision, method } = verdict;
  const { sha256, width, height, format } = detection.image;
  return JSON.stringify({
    specversion: '1.0',
    id: randomUUID(),
    source: `/v1/tenants/${tenant}`,
    type: `clipn-gate.verdict.${decision}`,
    subject: sha256,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data: {
      tenant,
      tenant_version: serving.version,
      model: serving.model,
      interface: verdict.interface,
      request_id: verdict.requestId,
      index: verdict.index,
      decision,
      method,
      prediction: {
        class: serving.classes[detection.index],
        index: detection.index,
        probability: detection.probability,
      },
      no_probability: detection.noProbability,
      ood_probability: detection.oodProbability,
      decisions: detection.decisions,
      scores: detection.scores,
      image: { sha256, width, height, format },
    },
  });
}
