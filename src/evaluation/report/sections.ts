import { type Collector, MOST_FAILURES, type SetCounts, SHOWN_RULES } from '../collector.ts';
import { histogram, rangeOf } from '../histogram.ts';
import { curveOf } from '../metrics.ts';
import { inOrder, labelOf } from '../names.ts';
import { type Results, scoresOf } from '../results.ts';
import { percent, tablesOf } from '../tables.ts';
import type { Mistake } from '../worst.ts';
import { type Bar, barsChart } from './bars.ts';
import { escapeMarkup } from './escape.ts';
import { histogramChart, legend, rocChart } from './svg.ts';
import { tableHtml } from './table.ts';
import { thumbnailKey } from './thumbnails.ts';

const BINS = 40;
/** Series 1 to 12 of the style sheet, repeated for further sets. */
const series = (i: number) => (i % 12) + 1;

export function figuresSection(results: Results): string {
  const tables = tablesOf(results).map((t) => tableHtml(t, t.title.startsWith('FPR95') ? 'lowest' : 'highest'));
  return `<h2>Figures</h2><p class="faint">Bold: the best of each column, in its direction: FPR95 is better the lower it is.</p><div class="tables">${tables.join('')}</div>${barsSection(results)}`;
}

/** The averages of the tables as bars: AUROC and FPR95 of each score, balanced accuracy of each rule. */
function barsSection({ average, ood }: Results): string {
  if (!average) return '';
  const bars = <T>(figures: Record<string, T | undefined>, share: (f: T) => number): Bar[] =>
    inOrder(Object.keys(figures)).flatMap((name) => {
      const f = figures[name];
      return f === undefined ? [] : [{ label: labelOf(name), share: share(f) }];
    });
  const over = ood.length > 1 ? ', average over the sets' : '';
  const charts = (
    [
      ['AUROC', bars(average.scores, (f) => f.auroc), 'highest'],
      ['FPR95, OOD accepted', bars(average.scores, (f) => f.fpr95_ood_accepted), 'lowest'],
      ['Balanced accuracy without a threshold', bars(average.decisions, (f) => f.balanced_accuracy), 'highest'],
    ] as const
  ).map(
    ([title, list, better]) =>
      `<figure><figcaption><b>${title}</b>${over}, %; ${better} is best</figcaption>${barsChart(title, list, better)}</figure>`,
  );
  return `<div class="charts">${charts.join('')}</div>`;
}

/** Scores that are probabilities are drawn over their whole range, the others over the range of their values. */
const SHARES = new Set(['ctw', 'atd', 'msp', 'neglabel', 'csp', 'combined']);

/** The threshold of a rule on its score, where it is fixed. ATD compares with the likeliest class, so that it has no fixed threshold. */
const THRESHOLDS: Record<string, number> = { ctw: 0.5, neglabel: 0.5, csp: 0.5, combined: 0.5 };

/** The scores that every judged image of all these sets has. */
const scoresOfAll = (sets: readonly SetCounts[]) => {
  const lists = sets.map(scoresOf);
  return (lists[0] ?? []).filter((s) => lists.every((list) => list.includes(s)));
};

export function histogramSection(collector: Collector): string {
  const judged = collector.sets.filter((s) => s.judged > 0);
  const sets = collector.sets
    .map((set, i) => ({
      label: i === 0 ? `${set.name} (ID)` : set.name,
      series: i === 0 ? 0 : series(i - 1),
      scores: set.scores,
    }))
    .filter((s) => s.scores.ctw.length > 0);
  if (sets.length === 0) return '';
  const charts = scoresOfAll(judged).map((score) => {
    const values = (s: (typeof sets)[number]) => s.scores[score]?.values ?? [];
    const range = SHARES.has(score) ? { low: 0, high: 1 } : rangeOf(sets.map(values));
    const bars = sets.map((s) => ({ ...s, histogram: histogram(values(s), range, BINS) }));
    const label = labelOf(score);
    const line = score in THRESHOLDS ? `; the dotted line is the threshold of ${escapeMarkup(label)}` : '';
    const caption = `<figcaption><b>${escapeMarkup(label)}</b>${line}</figcaption>`;
    return `<figure>${caption}${histogramChart(label, bars, THRESHOLDS[score])}</figure>`;
  });
  return `<h2>Scores</h2><p>Share of images per score; higher is more in-distribution. The less the outlines overlap the filled shape, the better the score separates the sets. Heights are square roots of shares.</p>${legend(sets)}<div class="charts">${charts.join('')}</div>`;
}

export function rocSection(collector: Collector, results: Results): string {
  const [id, ...ood] = collector.sets;
  const compared = results.ood.flatMap((o) => o.figures ?? []);
  const drawn = inOrder(compared.flatMap((f) => Object.keys(f.scores))).map((score, i) => ({
    label: labelOf(score),
    series: series(i),
    score,
  }));
  const rules = inOrder(compared.flatMap((f) => Object.keys(f.decisions))).map((rule, at) => ({
    label: `${labelOf(rule)} rule`,
    mark: at,
    rule,
  }));
  const charts = ood.map((set, i) => {
    const figures = results.ood[i]?.figures;
    if (!figures || !id) return '';
    const curves = drawn.flatMap((d) => {
      const [inside, outside] = [id.scores[d.score], set.scores[d.score]];
      const measured = figures.scores[d.score] && inside && outside;
      return measured ? [{ ...d, curve: curveOf(inside.values, outside.values) }] : [];
    });
    const marks = rules.flatMap((r) => {
      const f = figures.decisions[r.rule];
      return f ? [{ ...r, fpr: 1 - f.ood_caught, tpr: f.id_kept }] : [];
    });
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
    const like = m.looks_like?.[0] ? `<span>looks like ${escapeMarkup(m.looks_like[0].word)}</span>` : '';
    return `<li>${image}<span>${escapeMarkup(what)}</span>${like}<span class="faint">${m.score.toPrecision(3)} · ${escapeMarkup(`${m.set}/${m.path}`)}</span></li>`;
  });
  return items.length === 0 ? '<p class="faint">None.</p>' : `<ul class="pictures">${items.join('')}</ul>`;
}

export function mistakesSection(results: Results, thumbnails: Map<string, string>): string {
  const parts = SHOWN_RULES.map((rule) => {
    const { id_rejected, ood_accepted } = results.worst[rule];
    return `<h3>${labelOf(rule)}: ID most confidently rejected</h3>${pictures(id_rejected, results, thumbnails)}<h3>${labelOf(rule)}: OOD most confidently accepted</h3>${pictures(ood_accepted, results, thumbnails)}`;
  });
  return `<h2>Worst mistakes</h2><p>Each picture has its score, and its true or predicted class. A picture of an OOD set that does show a class is a mistake of the set.</p>${parts.join('')}`;
}

/** Largest number of classes in the report; all are in results.json. */
const MOST_CLASSES = 100;

export function classesSection(results: Results): string {
  const classes = results.id.classes.filter((c) => c.images > 0);
  const worst = classes.toSorted((a, b) => (a.accuracy ?? 0) - (b.accuracy ?? 0)).slice(0, MOST_CLASSES);
  const rules = inOrder(worst.flatMap((c) => Object.keys(c.id_kept ?? {})));
  const rows = worst.map((c) => [
    c.name,
    String(c.images),
    percent(c.accuracy),
    ...rules.map((r) => percent(c.id_kept?.[r])),
  ]);
  const shown =
    worst.length < classes.length ? ` The ${MOST_CLASSES} worst of ${classes.length}; all are in results.json.` : '';
  const table = tableHtml(
    {
      title: 'Classes, %',
      note: `Accuracy among the classes, and the share that each rule keeps.${shown}`,
      header: ['class', 'images', 'accuracy', ...rules.map(labelOf)],
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
