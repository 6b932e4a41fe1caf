import { count } from '../format.ts';
import type { Difference, ListChange } from './diff.ts';

const SHOWN = 30;

/** Shows the difference before it is saved. */
export function DifferenceView({ difference: d, version }: { difference: Difference; version: number }) {
  if (d.none) return <p class="faint">There are no changes.</p>;
  return (
    <section class="difference" aria-label="Changes">
      <h3>
        Version {version} → {version + 1}
      </h3>
      <Changes name="class" plural="classes" change={d.classes} />
      <Changes name="prompt" plural="prompts" change={d.templates} />
      <Changes name="“no” prompt" plural="“no” prompts" change={d.templatesNo} />
      {d.fields.map((f) => (
        <p key={f.name}>
          {f.name}: <del>{f.before}</del> → <ins>{f.after}</ins>
        </p>
      ))}
    </section>
  );
}

function Changes({ name, plural, change }: { name: string; plural: string; change: ListChange }) {
  const { added, removed, reordered } = change;
  if (reordered) return <p>Only the order of the {plural} changes.</p>;
  if (added.length + removed.length === 0) return null;
  return (
    <>
      <p>
        {[
          removed.length > 0 ? `${count(removed.length, name, plural)} less` : '',
          added.length > 0 ? `${count(added.length, name, plural)} more` : '',
        ]
          .filter(Boolean)
          .join(', ')}
      </p>
      <ul class="changes">
        {removed.slice(0, SHOWN).map((text, i) => (
          <li key={`${i} ${text}`}>
            <span aria-hidden="true">−</span> <del>{text}</del>
          </li>
        ))}
        {added.slice(0, SHOWN).map((text, i) => (
          <li key={`${i} ${text}`}>
            <span aria-hidden="true">+</span> <ins>{text}</ins>
          </li>
        ))}
        {Math.max(added.length, removed.length) > SHOWN && <li class="faint">and more</li>}
      </ul>
    </>
  );
}
