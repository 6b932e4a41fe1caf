import type { Verdict } from '../api/types.ts';
import { percent } from '../format.ts';

type Top = Verdict['top'][number];

/** The length of a bar for a value from 0 to 1. */
const width = (share: number) => ({ width: `${100 * share}%` });

/**
 * Each class has its "no" to the left and its "yes" to the right of one line. Below them is "none of these" on the scale of "yes".
 * The left side shows CTW (does the first "no" pass the mark at one half?), the right side shows ATD (is the last bar the longest?).
 * The part of a "yes" that its "no" takes away is paler. The sum of these parts is "none of these".
 */
export function Bars({ verdict, shown }: { verdict: Verdict; shown: number }) {
  return (
    <table class="bars">
      <caption class="visually-hidden">Probabilities for {verdict.id}</caption>
      <thead>
        <tr>
          <th scope="col">class</th>
          <th scope="col" class="no">
            “no” to it
          </th>
          <th scope="col">“yes” among the classes</th>
        </tr>
      </thead>
      <tbody>
        {verdict.top.slice(0, shown).map((c) => (
          <ClassRow key={c.index} c={c} predicted={c.index === verdict.prediction.index} />
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row" colSpan={2}>
            none of these
          </th>
          <td>
            <div class="bar yes">
              <span class="track">
                <span class="fill none" style={width(verdict.ood_probability)} />
              </span>
              <span class="number">{percent(verdict.ood_probability)}</span>
            </div>
          </td>
        </tr>
      </tfoot>
    </table>
  );
}

function ClassRow({ c, predicted }: { c: Top; predicted: boolean }) {
  const kept = (1 - c.no_probability) * c.probability;
  return (
    <tr class={predicted ? 'predicted' : ''}>
      <th scope="row" title={c.class}>
        {c.class}
      </th>
      <td class="no">
        <div class="bar">
          <span class="number">{percent(c.no_probability)}</span>
          <span class="track half">
            <span class="fill no" style={width(c.no_probability)} />
          </span>
        </div>
      </td>
      <td>
        <div class="bar yes">
          <span class="track">
            <span class="fill kept" style={width(kept)} />
            <span class="fill taken" style={width(c.probability - kept)} />
          </span>
          <span class="number">{percent(c.probability)}</span>
        </div>
      </td>
    </tr>
  );
}
