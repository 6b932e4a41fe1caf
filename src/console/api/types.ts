// types only: the page depends on the contract and contains no code of the service
import type { DetectReply, Verdict } from '../../http/schemas/detect.ts';
import type { BuildReply, TenantReply, TenantSummary } from '../../http/schemas/tenant.ts';

export type { Readiness } from '../../http/schemas/health.ts';
export type { BuildReply, DetectReply, TenantReply, TenantSummary, Verdict };

export type TenantDefinition = TenantReply['definition'];
export type ClassEntry = TenantDefinition['classes'][number];
export type Method = NonNullable<TenantDefinition['method']>;
/** The scores that the page offers for a calibration. */
export type CalibrationScore = Extract<Method, 'atd' | 'ctw'>;
export type Warning = TenantReply['warnings'][number];
