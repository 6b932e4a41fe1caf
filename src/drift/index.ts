export { FileDriftStore } from './file-store.ts';
export { DRIFT_MIGRATIONS } from './migrations.ts';
export { DriftMonitor } from './monitor.ts';
export { PostgresDriftStore } from './postgres-store.ts';
export type { DriftReport } from './report.ts';
