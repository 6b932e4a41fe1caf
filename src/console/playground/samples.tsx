import { useSignal } from '@preact/signals';
import { addressOf, call } from '../api/client.ts';
import { type ApiError, asProblem } from '../api/problem.ts';
import { ProblemNotice } from '../ui/notice.tsx';
import type { Picture } from './files.ts';

/** Photographs that the service serves with the page; the build copies them from samples/. */
const SAMPLES = [
  { title: 'Its classes include', names: ['cat', 'butterfly', 'dog'] },
  { title: 'They do not include', names: ['coffee', 'rocket', 'zebra'] },
];

/** Offers sample photographs: three of classes of the tenant `demo`, and three of other things. */
export function Samples({ onPicture }: { onPicture: (picture: Picture) => void }) {
  const problem = useSignal<ApiError>();
  const take = async (name: string) => {
    try {
      const response = await call(`samples/${name}.jpg`);
      problem.value = undefined;
      onPicture({ name: `${name}.jpg`, blob: await response.blob() });
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  return (
    <section class="samples" aria-label="Samples">
      <p>
        Without a photo of your own, try a sample. The tenant <em>demo</em>, a list that comes with the service, has ten
        classes.
      </p>
      {SAMPLES.map(({ title, names }) => (
        <div key={title} class="sample-row">
          <span class="faint">{title}</span>
          {names.map((name) => (
            <button key={name} type="button" title={name} onClick={() => void take(name)}>
              <img src={addressOf(`samples/${name}.jpg`)} alt={`Try the sample: ${name}`} width="96" height="72" />
            </button>
          ))}
        </div>
      ))}
      {problem.value && <ProblemNotice problem={problem.value} />}
    </section>
  );
}
