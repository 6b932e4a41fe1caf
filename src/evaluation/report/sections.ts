import type { ScoreName } from '../../clipn/index.ts';
import { type Collector, MOST_FAILURES, SHOWN_RULES } from '../collector.ts';
import { histogram, rangeOf } from '../histogram.ts';
import { curveOf } from '../metrics.ts';
import type { Results } from '../results.ts';
import { RULES, SCORES } from '../rows.ts';
import { LABELS, percent, tablesOf } from '../tables.ts';
import type { Mistake } from '../worst.ts';
import { escapeMarkup } from './escape.ts';
import { histogramChart, legend, rocChart } from './svg.ts';
import { tableHtml } from './table.ts';
import { thumbnailKey } from './thumbnails.ts';

const BINS = 40;
/** Series 1 to 6 of the style sheet, repeated for further sets. */
const series = (i: number) => (i % 6) + 1;

export function figuresSection(results: Results): string {
  const tables = tablesOf(results).map((t) => tableHtml(t, t.title.startsWith('FPR95') ? 'lowest' : 'highest'));
  return `<h2>Figures</h2><p class="faint">Bold: the best of each column, by the first number of a cell.</p><div class="tables">${tables.join('')}</div>`;
}

/** Scores that are probabilities are drawn over their whole range, the others over the range of their values. */
const SHARES = new Set<ScoreName>(['ctw', 'atd', 'msp']);

/** The threshold of a rule on its score. ATD compares with the likeliest class, so that it has no fixed threshold. */
const THRESHOLDS: Partial<Record<ScoreName, number>> = { ctw: 0.5 };

export function histogramSection(collector: Collector): string {
  const sets = collector.sets
    .map((set, i) => ({
      label: i === 0 ? `${set.name} (ID)` : set.name,
      series: i === 0 ? 0 : series(i - 1),
      scores: set.scores,
    }))
    .filter((s) => s.scores.ctw.length > 0);
  if (sets.length === 0) return '';
  const charts = SCORES.map((score) => {
    const range = SHARES.has(score) ? { low: 0, high: 1 } : rangeOf(sets.map((s) => s.scores[score].values));
    const bars = sets.map((s) => ({ ...s, histogram: histogram(s.scores[score].values, range, BINS) }));
    const caption = `<figcaption><b>${LABELS[score]}</b>${score === 'ctw' ? '; the dotted line is the threshold of CTW' : ''}</figcaption>`;
    return `<figure>${caption}${histogramChart(LABELS[score], bars, THRESHOLDS[score])}</figure>`;
  });
  return `<h2>Scores</h2><p>Share of images per score; higher is more in-distribution. The less the outlines overlap the filled shape, the better the score separates the sets. Heights are square roots of shares.</p>${legend(sets)}<div class="charts">${charts.join('')}</div>`;
}

export function rocSection(collector: Collector, results: Results): string {
  const [id, ...ood] = collector.sets;
  const drawn = SCORES.map((s, i) => ({ label: LABELS[s], series: series(i), score: s }));
  const rules = RULES.map((r, at) => ({ label: `${LABELS[r]} rule`, mark: at }));
  const charts = ood.map((set, i) => {
    const figures = results.ood[i]?.figures;
    if (!figures || !id) return '';
    const curves = drawn.map((d) => ({ ...d, curve: curveOf(id.scores[d.score].values, set.scores[d.score].values) }));
    const marks = RULES.map((r, at) => ({
      ...(rules[at] as (typeof rules)[number]),
      fpr: 1 - figures.decisions[r].ood_caught,
      tpr: figures.decisions[r].id_kept,
    }));
    const caption = `<figcaption><b>${escapeMarkup(set.name)}</b>: share of ID accepted (up) over share of OOD accepted (right)</figcaption>`;
    return `<figure>${caption}${rocChart(set.name, curves, marks)}</figure>`;
  });
  return `<h2>ROC</h2><p>Each curve shows all possible thresholds. The marks are the operating points of the threshold-free rules. Up and to the left is better.</p>${legend(drawn, rules)}<div class="charts">${charts.join('')}</div>`;
}

function pictures(mistakes: readonly Mistake[], results: Results, thumbnails: Map<string, string>): string {
  const name = (index: number) => results.id.classes[index]?.name ?? '';
  const items = mistakes.map((m) => {
    const taken = name(m.index);
    const what =
      m.class === null
        ? `classified as ${taken}`
        : m.index === m.class
          ? name(m.class)
          : `${name(m.class)}, classified as ${taken}`;
    const data = thumbnails.get(thumbnailKey(m));
    const image = data
      ? `<img src="${data}" width="128" height="128" loading="lazy" alt="${escapeMarkup(`${m.set}/${m.path}: ${what}`)}">`
      : '<span class="gone">no picture</span>';
    return `<li>${image}<span>${escapeMarkup(what)}</span><span class="faint">${m.score.toPrecision(3)} · ${escapeMarkup(`${m.set}/${m.path}`)}</span></li>`;
  });
  return items.length === 0 ? '<p class="faint">None.</p>' : `<ul class="pictures">${items.join('')}</ul>`;
}

export function mistakesSection(results: Results, thumbnails: Map<string, string>): string {
  const parts = SHOWN_RULES.map((rule) => {
    const { id_rejected, ood_accepted } = results.worst[rule];
    return `<h3>${LABELS[rule]}: ID most confidently rejected</h3>${pictures(id_rejected, results, thumbnails)}<h3>${LABELS[rule]}: OOD most confidently accepted</h3>${pictures(ood_accepted, results, thumbnails)}`;
  });
  return `<h2>Worst mistakes</h2><p>Each picture has its score, and its true or predicted class. A picture of an OOD set that does show a class is a mistake of the set.</p>${parts.join('')}`;
}

/** Largest number of classes in the report; all are in results.json. */
const MOST_CLASSES = 100;

export function classesSection(results: Results): string {
  const classes = results.id.classes.filter((c) => c.images > 0);
  const worst = classes.toSorted((a, b) => (a.accuracy ?? 0) - (b.accuracy ?? 0)).slice(0, MOST_CLASSES);
  const rows = worst.map((c) => [
    c.name,
    String(c.images),
    percent(c.accuracy),
    ...RULES.map((r) => percent(c.id_kept?.[r])),
  ]);
  const shown =
    worst.length < classes.length ? ` The ${MOST_CLASSES} worst of ${classes.length}; all are in results.json.` : '';
  const table = tableHtml(
    {
      title: 'Classes, %',
      note: `Accuracy among the classes, and the share that each rule keeps.${shown}`,
      header: ['class', 'images', 'accuracy', ...RULES.map((r) => LABELS[r])],
      rows,
    },
    'none',
  );
  return `<h2>Classes</h2><details><summary>Accuracy and images kept, worst classes first</summary>${table}</details>`;
}

export function failuresSection({ failed }: Results): string {
  if (failed.count === 0) return '';
  const more =
    failed.count > failed.listed.length ? ` The first ${MOST_FAILURES} are listed; all are in scores.jsonl.` : '';
  const rows = failed.listed.map(
    (f) =>
      `<tr><th scope="row">${escapeMarkup(`${f.set}/${f.path}`)}</th><td class="word">${escapeMarkup(f.code)}</td><td class="word">${escapeMarkup(f.detail)}</td></tr>`,
  );
  return `<h2>Images without a verdict</h2><p>${failed.count} could not be judged and are in no figure.${more}</p><details><summary>List with reasons</summary><div class="scroll" tabindex="0" role="region" aria-label="Images without a verdict"><table><thead><tr><th scope="col">image</th><th scope="col">code</th><th scope="col">reason</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></details>`;
}
