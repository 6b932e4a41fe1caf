import { useState } from 'preact/hooks';
import type { DetectReply, Method, Verdict } from '../api/types.ts';
import { milliseconds, percent } from '../format.ts';
import { LooksLike } from '../ui/looks-like.tsx';
import { Bars } from './bars.tsx';
import { comparison, decisionOf, METHOD_NAMES, methodsIn, reason } from './explain.ts';

const FEW = 5;

export function Badge({ verdict, rule }: { verdict: Verdict; rule: Method }) {
  const ood = decisionOf(verdict, rule) === 'ood';
  return (
    <span class={ood ? 'badge ood' : 'badge id'}>
      <span aria-hidden="true">{ood ? '✕' : '✓'}</span> {ood ? 'none of these classes' : verdict.prediction.class}
    </span>
  );
}

/** Verdict, reason, bars and the rules side by side. */
export function VerdictView({ verdict, rule }: { verdict: Verdict; rule: Method }) {
  const [all, setAll] = useState(false);
  const hidden = verdict.top.length - FEW;
  return (
    <>
      <p class="reason">{reason(verdict, rule)}</p>
      <LooksLike words={verdict.looks_like} />
      <Bars verdict={verdict} shown={all ? verdict.top.length : FEW} />
      {hidden > 0 && (
        <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `Show the ${FEW} likeliest only` : `Show ${hidden} more`}
        </button>
      )}
      <ul class="rules" aria-label="Decision of each rule">
        {methodsIn(verdict).map((m) => (
          <Rule key={m} verdict={verdict} method={m} decides={m === rule} />
        ))}
      </ul>
    </>
  );
}

function Rule({ verdict, method, decides }: { verdict: Verdict; method: Method; decides: boolean }) {
  const ood = decisionOf(verdict, method) === 'ood';
  const { against, limit } = comparison(verdict, method);
  return (
    <li class={`rule ${ood ? 'ood' : 'id'}${decides ? ' decides' : ''}`}>
      <div class="rule-name">
        <abbr title={METHOD_NAMES[method]}>{method === 'atd-rescaled' ? 'ATD rescaled' : method.toUpperCase()}</abbr>
        {decides && <span class="tag">decides</span>}
      </div>
      <strong>
        <span aria-hidden="true">{ood ? '✕' : '✓'}</span> {ood ? 'none of these' : 'one of these'}
      </strong>
      <div class="rule-why">
        {against.label} {percent(against.value)} {against.value > limit.value ? '>' : '≤'} {limit.label}{' '}
        {percent(limit.value)}
      </div>
    </li>
  );
}

/** The other fields of the reply. */
export function Particulars({
  verdict,
  reply,
  roundTripMs,
}: {
  verdict: Verdict;
  reply: DetectReply;
  roundTripMs: number;
}) {
  const { decode, queue, inference, total } = reply.timing_ms;
  const { width, height, format, sha256 } = verdict.image;
  return (
    <>
      <Timing
        parts={[
          ['decode', decode],
          ['queue', queue],
          ['inference', inference],
          ['rest of the service', Math.max(0, total - decode - queue - inference)],
          ['network and browser', Math.max(0, roundTripMs - total)],
        ]}
      />
      <details>
        <summary>Scores and image</summary>
        <dl class="pairs">
          {Object.entries(verdict.scores).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value.toFixed(4)}</dd>
            </div>
          ))}
          <div>
            <dt>image</dt>
            <dd>
              {width} × {height} {format}
            </dd>
          </div>
          <div>
            <dt>model</dt>
            <dd>
              {reply.model.name} {reply.model.version}
            </dd>
          </div>
          <div>
            <dt>tenant</dt>
            <dd>
              {reply.tenant}, version {reply.tenant_version}
            </dd>
          </div>
          <div class="long">
            <dt>SHA-256</dt>
            <dd>
              <code>{sha256}</code>
            </dd>
          </div>
        </dl>
      </details>
    </>
  );
}

function Timing({ parts }: { parts: [string, number][] }) {
  const sum = parts.reduce((s, [, ms]) => s + ms, 0);
  return (
    <div class="timing">
      <div class="timing-bar" aria-hidden="true">
        {parts.map(([name, ms]) => (
          <span key={name} style={{ width: `${(100 * ms) / sum}%` }} />
        ))}
      </div>
      <ul>
        {parts.map(([name, ms]) => (
          <li key={name}>
            {name} {milliseconds(ms)}
          </li>
        ))}
      </ul>
    </div>
  );
}
