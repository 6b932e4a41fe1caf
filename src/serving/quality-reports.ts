import type { Population } from '../capture/index.ts';
import { featuresOf } from '../capture/index.ts';
import { defined } from '../defined.ts';
import { type LabelledVerdict, type Labels, type Quality, quality, type RuleDecisions } from '../labels/index.ts';
import { calibrated, dependsOnNegatives } from '../tenants/calibration/serving.ts';
import type { TenantRegistry } from '../tenants/registry.ts';
import type { Serving } from '../tenants/tenant.ts';

export interface QualityReportParts {
  labels: Labels;
  population: Population;
  tenants: Pick<TenantRegistry, 'resolve' | 'definitionOf'>;
}

/** Measured error rates of a tenant, and the model that they hold for. */
export interface QualityReport extends Quality {
  model: Serving['model'];
  tenantVersion: number;
}

/** Time for which a scrape of the metrics gets the former report, milliseconds. */
const FRESH_MS = 60_000;

/** Measured error rates of tenants, from labels and counts of verdicts. */
export class QualityReports {
  readonly #parts: QualityReportParts;
  #recent: { at: number; reports: Promise<Map<string, QualityReport>> } | undefined;

  constructor(parts: QualityReportParts) {
    this.#parts = parts;
  }

  /** Of one tenant, as of now. @throws ServiceError tenant_not_found, tenant_not_ready, store_unavailable */
  async of(tenant: string): Promise<QualityReport> {
    const { labels, population, tenants } = this.#parts;
    const serving = tenants.resolve(tenant);
    const report = quality({
      features: featuresOf(serving.pins),
      labels: (await labels.all(tenant)).values(),
      population: await population.of(tenant),
      decide: (verdict) => decisionsNow(verdict, serving),
    });
    return { ...report, model: serving.model, tenantVersion: serving.version };
  }

  /** Of all tenants with labels, at most a minute old. Tenants that cannot be reported are left out. */
  recent(now: number): Promise<Map<string, QualityReport>> {
    if (!this.#recent || now - this.#recent.at > FRESH_MS) this.#recent = { at: now, reports: this.#all() };
    return this.#recent.reports;
  }

  /** The next `recent` is computed again. */
  changed(): void {
    this.#recent = undefined;
  }

  async #all(): Promise<Map<string, QualityReport>> {
    const reports = new Map<string, QualityReport>();
    for (const tenant of await this.#parts.labels.tenants().catch(() => [])) {
      const report = await this.of(tenant).catch(() => undefined);
      if (report) reports.set(tenant, report);
    }
    return reports;
  }
}

/**
 * The decisions of the rules without a threshold, and that of the present calibration, which may be another one than at the verdict. Rules and scores
 * by negative labels count only where those of the verdict are the present ones.
 */
function decisionsNow(verdict: LabelledVerdict, { calibration, classes, pins }: Serving): RuleDecisions {
  const { ctw, atd, atd_rescaled, neglabel, csp, combined } = verdict.decisions;
  const sameNegatives = verdict.negatives === pins.negatives;
  const free = { ctw, atd, atd_rescaled, ...(sameNegatives && defined({ neglabel, csp, combined })) };
  if (!calibration || calibration.stale) return free;
  if (dependsOnNegatives(calibration.score) && !sameNegatives) return free;
  return { ...free, calibrated: calibrated(calibration, verdict, classes.length).decision };
}
