import { useEffect } from 'preact/hooks';
import { readiness } from '../api/readiness.ts';
import { milliseconds, number, percent } from '../format.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { Chart } from './chart.tsx';
import { type Moment, metricsProblem, moments, span, watchMetrics } from './history.ts';
import { increase, labelValues, type Match, type Scrape, total, where } from './metrics.ts';

/** The state of this process, from its own /metrics. */
export function NowPage() {
  useEffect(() => {
    const watching = new AbortController();
    void watchMetrics(watching.signal);
    return () => watching.abort();
  }, []);
  const problem = metricsProblem.value;
  return (
    <section class="now" aria-labelledby="now-title">
      <h2 id="now-title">Now</h2>
      {problem && <ProblemNotice problem={problem} />}
      {span.value ? (
        <>
          <Facts scrape={span.value.to} />
          <Charts />
          <Tenants {...span.value} />
          <Refused {...span.value} />
        </>
      ) : (
        !problem && <p class="faint">Loading the first metrics …</p>
      )}
    </section>
  );
}

function Facts({ scrape }: { scrape: Scrape }) {
  const r = typeof readiness.value === 'object' ? readiness.value : undefined;
  const facts: [string, string][] = [
    ['engine', r ? `${r.engine.state} on ${r.engine.device}, ${r.engine.precision}` : 'no reply'],
    ['engines ready', number(total(scrape, 'clipn_engine_up'))],
    ['engine restarts', number(total(scrape, 'clipn_engine_restarts_total'))],
    ['tenants ready', number(total(scrape, 'clipn_tenants', where({ state: 'ready' })))],
    ['verdicts since the start', number(total(scrape, 'clipn_decisions_total'))],
    ['memory', `${number(total(scrape, 'clipn_process_resident_memory_bytes') / 2 ** 20)} MiB`],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Charts() {
  const all = moments.value;
  const values = (name: keyof Moment) => all.map((m) => m[name]);
  const seconds = (s: number) => milliseconds(s * 1000);
  return (
    <div class="charts">
      <Chart
        title="Verdicts asked for, per second"
        format={number}
        least={1}
        lines={[
          { name: 'all', values: values('requests') },
          { name: 'refused or failed', values: values('errors') },
        ]}
      />
      <Chart
        title="Time to answer"
        format={seconds}
        least={0.01}
        lines={[
          { name: 'p50', values: values('p50') },
          { name: 'p95', values: values('p95') },
          { name: 'p99', values: values('p99') },
        ]}
      />
      <Chart
        title="Images per second"
        format={number}
        least={1}
        lines={[{ name: 'images', values: values('images') }]}
      />
      <Chart
        title="Queue and batch"
        format={number}
        least={1}
        lines={[
          { name: 'waiting', values: values('queue') },
          { name: 'mean batch', values: values('batch') },
        ]}
      />
      <Chart title="Cache hits" format={percent} least={1} lines={[{ name: 'hits', values: values('hits') }]} />
      <Chart
        title="None of the classes"
        format={percent}
        least={1}
        lines={[{ name: 'all tenants', values: values('ood') }]}
      />
    </div>
  );
}

const DECISIONS = 'clipn_decisions_total';
const PSI = 'clipn_drift_psi';

/** Population stability index against the pinned baseline, and its value from chance alone; a dash without a baseline. */
function driftOf(scrape: Scrape, match: Match): string {
  if (!scrape.samples.get(PSI)?.some((s) => match(s.labels))) return '–';
  return `${number(total(scrape, PSI, match))} (${number(total(scrape, `${PSI}_of_chance`, match))})`;
}

function Tenants({ from, to }: { from: Scrape; to: Scrape }) {
  const names = labelValues(to, DECISIONS, 'tenant');
  const drifts = labelValues(to, PSI, 'of');
  if (names.length === 0) return <p class="faint">No verdicts yet.</p>;
  const share = (ood: number, all: number) => (all > 0 ? percent(ood / all) : '–');
  return (
    <section>
      <h3 id="by-tenant">By tenant</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be within reach of the keyboard */}
      <section class="scrolls" aria-labelledby="by-tenant" tabIndex={0}>
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Tenant</th>
              <th scope="col" class="numeric">
                Verdicts, last minutes
              </th>
              <th scope="col" class="numeric">
                showing none of the classes
              </th>
              <th scope="col" class="numeric">
                since the start
              </th>
              {drifts.map((of) => (
                <th key={of} scope="col" class="numeric">
                  drift of {of.replaceAll('_', ' ')} (by chance)
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {names.map((tenant) => {
              const all = increase(from, to, DECISIONS, where({ tenant }));
              const ood = increase(from, to, DECISIONS, where({ tenant, decision: 'ood' }));
              const ever = total(to, DECISIONS, where({ tenant }));
              const oodEver = total(to, DECISIONS, where({ tenant, decision: 'ood' }));
              return (
                <tr key={tenant}>
                  <th scope="row">{tenant}</th>
                  <td class="numeric">{number(all)}</td>
                  <td class="numeric">{share(ood, all)}</td>
                  <td class="numeric">
                    {share(oodEver, ever)} of {number(ever)}
                  </td>
                  {drifts.map((of) => (
                    <td key={of} class="numeric">
                      {driftOf(to, where({ tenant, of }))}
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </section>
  );
}

const REJECTED = 'clipn_images_rejected_total';

function Refused({ from, to }: { from: Scrape; to: Scrape }) {
  const reasons = labelValues(to, REJECTED, 'reason');
  if (reasons.length === 0) return null;
  return (
    <section aria-labelledby="refused">
      <h3 id="refused">Images without a verdict</h3>
      <ul class="chips">
        {reasons.map((reason) => (
          <li key={reason}>
            <code>{reason}</code> {number(increase(from, to, REJECTED, where({ reason })))} in the last minutes,{' '}
            {number(total(to, REJECTED, where({ reason })))} since the start
          </li>
        ))}
      </ul>
    </section>
  );
}
