import type { ComponentChildren } from 'preact';
import { RULE_NAMES } from './detail.tsx';
import type { ImageFilter } from './filter.ts';
import type { Review } from './use-review.ts';

interface ChoiceProps {
  review: Review;
  name: keyof ImageFilter;
  label: string;
  children: ComponentChildren;
}

function Choice({ review, name, label, children }: ChoiceProps) {
  return (
    <div class="field">
      <label for={`filter-${name}`}>{label}</label>
      <select
        id={`filter-${name}`}
        value={review.filter.value[name]}
        onChange={(event) => review.choose({ [name]: event.currentTarget.value })}
      >
        {children}
      </select>
    </div>
  );
}

/** Which images are shown. */
export function Filters({ review }: { review: Review }) {
  const { images, filter, choose } = review;
  const predicted = [...new Set(images.value.map(({ verdict }) => verdict.prediction.class))].sort();
  const rules = [...new Set(images.value.flatMap(({ verdict }) => Object.keys(verdict.decisions)))];
  return (
    <div class="filters">
      <Choice review={review} name="labelled" label="Label">
        <option value="">with and without</option>
        <option value="no">without</option>
        <option value="yes">with</option>
      </Choice>
      <Choice review={review} name="decision" label="Decision">
        <option value="">both</option>
        <option value="ood">refused</option>
        <option value="id">accepted</option>
      </Choice>
      <Choice review={review} name="rule" label="of the rule">
        <option value="own">the tenant's own</option>
        {rules.map((rule) => (
          <option key={rule} value={rule}>
            {RULE_NAMES[rule] ?? rule}
          </option>
        ))}
      </Choice>
      <Choice review={review} name="reason" label="Kept because">
        <option value="">any reason</option>
        <option value="uncertain">uncertain</option>
        <option value="disagreeing">rules disagree</option>
        <option value="out">refused</option>
        <option value="rest">at random</option>
      </Choice>
      <Choice review={review} name="band" label="Band">
        <option value="">any</option>
        <option value="in">in</option>
        <option value="uncertain">uncertain</option>
        <option value="out">out</option>
      </Choice>
      <Choice review={review} name="class" label="Looks most like">
        <option value="">any class</option>
        {predicted.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </Choice>
      <div class="field">
        <label for="filter-since">Kept since</label>
        <input
          id="filter-since"
          type="date"
          value={filter.value.since}
          onChange={(event) => choose({ since: event.currentTarget.value })}
        />
      </div>
    </div>
  );
}
