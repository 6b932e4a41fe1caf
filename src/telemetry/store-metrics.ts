import { Counter, Gauge, type OpenMetricsContentType, type Registry } from 'prom-client';

/** Metrics of what the service keeps: the database or the data directory, and the gate's audit trail. */
export const storeMetrics = (registers: Registry<OpenMetricsContentType>[]) => ({
  storeUp: new Gauge({
    name: 'clipn_store_up',
    help: '1 while the database answers, 0 while it does not; absent without a database',
    labelNames: ['store'],
    registers,
  }),
  storeFailures: new Counter({
    name: 'clipn_store_failures_total',
    help: 'Operations that failed because the database did not serve (database) or a file could not be written (directory)',
    labelNames: ['store'],
    registers,
  }),
  directoryAvailable: new Gauge({
    name: 'clipn_data_directory_available_bytes',
    help: 'Free bytes of the file system that holds the data directory',
    registers,
  }),
  directorySize: new Gauge({
    name: 'clipn_data_directory_size_bytes',
    help: 'Size of the file system that holds the data directory',
    registers,
  }),
  gateAuditDropped: new Counter({
    name: 'clipn_gate_audit_dropped_total',
    help: 'Audit records for which the queue had no room',
    registers,
  }),
  gateAuditFailures: new Counter({
    name: 'clipn_gate_audit_failures_total',
    help: 'Attempts to write audit records that failed; each is made again after a second',
    registers,
  }),
});
