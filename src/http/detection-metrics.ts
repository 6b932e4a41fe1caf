import type { DetectionObserver } from '../serving/detect-images.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Counts images without a verdict, where the verdicts are no traffic. */
export function rejectedMetrics(metrics: Metrics): DetectionObserver {
  return {
    refused: ({ error, images }) => metrics.imagesRejected.inc({ reason: error.code }, images),
    judged: ({ image }) => {
      if ('error' in image) metrics.imagesRejected.inc({ reason: image.error.code });
    },
  };
}

/** Counts the outcomes of images in the metrics. */
export function detectionMetrics(metrics: Metrics): DetectionObserver {
  return {
    refused: ({ error, images }) => metrics.imagesRejected.inc({ reason: error.code }, images),
    judged: ({ tenant, method, image }) => {
      if ('error' in image) {
        metrics.imagesRejected.inc({ reason: image.error.code });
        return;
      }
      const label = metrics.tenantLabel(tenant);
      const { noProbability, oodProbability } = image.detection;
      metrics.decisions.inc({ tenant: label, method, decision: image.decision });
      metrics.noProbability.observe({ tenant: label }, noProbability);
      metrics.oodProbability.observe({ tenant: label }, oodProbability);
    },
  };
}
