import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { LooksLikeReply } from '../../http/schemas/looks-like.ts';
import { callJson } from '../api/client.ts';
import { type ApiError, asProblem } from '../api/problem.ts';
import { pathOf } from '../api/tenants.ts';
import { count } from '../format.ts';
import { ProblemNotice } from '../ui/notice.tsx';

/** Counts of the words that the tenant's refused images look like, today and yesterday. */
export function LooksLikeCounts({ tenant }: { tenant: string }) {
  const report = useSignal<LooksLikeReply | undefined>(undefined);
  const problem = useSignal<ApiError | undefined>(undefined);
  useEffect(() => {
    callJson<LooksLikeReply>(`${pathOf(tenant)}/looks-like`).then(
      (reply) => {
        report.value = reply;
      },
      (error: unknown) => {
        problem.value = asProblem(error);
      },
    );
  }, [tenant]);
  return (
    <section aria-labelledby="looks-like-title">
      <h3 id="looks-like-title">Words that refused images look like</h3>
      {problem.value && <ProblemNotice problem={problem.value} />}
      {report.value?.days.length === 0 && <p class="faint">No image was refused yesterday or today.</p>}
      {report.value?.days.map((day) => (
        <Day key={day.day} day={day} />
      ))}
      <p class="hint">
        Each image counts under its nearest word, in this replica since this version began to serve. With many images
        some are not looked at.
      </p>
    </section>
  );
}

function Day({ day }: { day: LooksLikeReply['days'][number] }) {
  return (
    <>
      <h4>{day.day} (UTC)</h4>
      <p>
        {count(day.refused, 'image')} refused, {day.looked_at.toLocaleString('en')} of them looked at
        {day.no_word > 0 && `, ${day.no_word.toLocaleString('en')} like no word in particular`}.
      </p>
      <ol class="looks-like-words">
        {day.words.map(({ word, images, at_least: atLeast }) => (
          <li key={word}>
            <strong>{word}</strong> {atLeast < images ? `${atLeast.toLocaleString('en')} to ` : ''}
            {images.toLocaleString('en')}
          </li>
        ))}
      </ol>
    </>
  );
}
