import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type ApiError, asProblem } from '../api/problem.ts';
import { count, percent, when } from '../format.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { qualityOf } from './captures.ts';
import { RULE_NAMES } from './detail.tsx';
import type { QualityReply } from './types.ts';

type Rate = QualityReply['wrong_class'];

/** The rules beside each other on the labelled images. @param labelled number of labels; another number loads the rates again */
export function Rules({ tenant, labelled }: { tenant: string; labelled: number }) {
  const report = useSignal<QualityReply | undefined>(undefined);
  const problem = useSignal<ApiError | undefined>(undefined);
  useEffect(() => {
    // a reviewer who labels fast does not ask after each key
    const timer = setTimeout(() => {
      qualityOf(tenant).then(
        (reply) => {
          report.value = reply;
          problem.value = undefined;
        },
        (error) => {
          problem.value = asProblem(error);
        },
      );
    }, 300);
    return () => clearTimeout(timer);
  }, [labelled]);
  const quality = report.value;
  return (
    <section class="review-rules" aria-labelledby="rules-title">
      <h3 id="rules-title">Error rates of the rules on these labels</h3>
      {problem.value && <ProblemNotice problem={problem.value} />}
      {quality && Object.keys(quality.rules).length === 0 && (
        <p class="hint">Label some images to see how often each rule is wrong.</p>
      )}
      {quality && Object.keys(quality.rules).length > 0 && (
        <>
          <div class="scroll">
            <table class="table">
              <thead>
                <tr>
                  <th scope="col">Rule</th>
                  <th scope="col">refuses images of the classes</th>
                  <th scope="col">accepts other images</th>
                </tr>
              </thead>
              <tbody>
                {Object.entries(quality.rules).map(([rule, { false_refusals, false_acceptances }]) => (
                  <tr key={rule}>
                    <th scope="row">{RULE_NAMES[rule] ?? rule}</th>
                    <td>{rateText(false_refusals)}</td>
                    <td>{rateText(false_acceptances)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <p class="faint">
            {quality.model.name} {quality.model.version}
            {quality.since !== null && `, since ${when(quality.since)}`}, {count(quality.verdicts, 'verdict')}, of which
            these rates cover {percent(quality.covered)}. Corrected for how images were drawn; in brackets the 95 %
            interval.
          </p>
        </>
      )}
    </section>
  );
}

const rateText = (rate: Rate): string =>
  rate
    ? `${percent(rate.value)} (${percent(rate.low)} to ${percent(rate.high)}), ${count(rate.labelled, 'label')}`
    : '–';
