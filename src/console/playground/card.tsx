import { useState } from 'preact/hooks';
import { addressOf } from '../api/client.ts';
import { apiKey } from '../api/key.ts';
import type { Method, Verdict } from '../api/types.ts';
import { bytes } from '../format.ts';
import { copy, download } from '../ui/copy.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import { curlCommand } from './curl.ts';
import { groupOf, type Item, removeItems, type State } from './items.ts';
import { judge } from './judge.ts';
import { method, mode, typedClasses } from './subject.ts';
import { Badge, Particulars, VerdictView } from './verdict.tsx';

const ruleOf = (verdict: Verdict): Method => method.value ?? verdict.method;

/** The picture, or the type of a file that the browser cannot show. */
export function Thumbnail({ item, alt }: { item: Item; alt: string }) {
  const [broken, setBroken] = useState(false);
  if (item.url === undefined || broken) {
    return (
      <div class="no-picture" role="img" aria-label={alt}>
        <span>{item.blob.type || 'no picture'}</span>
        <span>{bytes(item.blob.size)}</span>
      </div>
    );
  }
  return <img src={item.url} alt={alt} loading="lazy" decoding="async" onError={() => setBroken(true)} />;
}

export function Card({ item }: { item: Item }) {
  const state = item.state.value;
  return (
    <article class={`card ${groupOf(state).kind}`} aria-label={item.name}>
      <div class="picture">
        <Thumbnail item={item} alt={item.name} />
      </div>
      <div class="card-body">
        <header class="card-head">
          <div>
            <Headline state={state} />
            <div class="file-name" title={item.name}>
              {item.name}
            </div>
          </div>
          <button type="button" class="plain" aria-label={`Remove ${item.name}`} onClick={() => removeItems([item])}>
            ✕
          </button>
        </header>
        <CardBody item={item} state={state} />
      </div>
    </article>
  );
}

function Headline({ state }: { state: State }) {
  if (state.is === 'judged') return <Badge verdict={state.verdict} rule={ruleOf(state.verdict)} />;
  if (state.is === 'failed') return <span class="badge problem">! no verdict</span>;
  return <span class="badge">{state.is === 'waiting' ? 'waiting for class names' : '… loading'}</span>;
}

export function CardBody({ item, state }: { item: Item; state: State }) {
  if (state.is === 'failed') {
    return (
      <ProblemNotice problem={state.problem}>
        {state.problem.retriable && (
          <button type="button" onClick={() => judge([item])}>
            Try again
          </button>
        )}
      </ProblemNotice>
    );
  }
  if (state.is !== 'judged') return <p class="faint">{state.is === 'asking' ? state.note : ''}</p>;
  const { verdict, reply, roundTripMs } = state;
  const curl = () =>
    curlCommand({
      base: addressOf(''),
      file: item.name,
      // the session's tenant is removed with the page; a copied command should work later too
      tenant: mode.peek() === 'typed' ? 'my-classes' : reply.tenant,
      method: method.peek(),
      classes: mode.peek() === 'typed' ? typedClasses.peek() : undefined,
      key: apiKey.peek() !== undefined,
    });
  const named = { ...reply, results: reply.results.map((r) => ({ ...r, id: item.name })) };
  return (
    <>
      <VerdictView verdict={{ ...verdict, id: item.name }} rule={ruleOf(verdict)} />
      <Particulars verdict={verdict} reply={reply} roundTripMs={roundTripMs} />
      <div class="actions">
        <button type="button" onClick={() => copy(curl(), 'The curl command is')}>
          Copy as curl
        </button>
        <button type="button" onClick={() => download(`${item.name}.verdict.json`, named)}>
          Download JSON
        </button>
      </div>
    </>
  );
}
