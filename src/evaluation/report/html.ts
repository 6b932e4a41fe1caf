import type { Collector } from '../collector.ts';
import { percent } from '../percent.ts';
import { differences, missingSets } from '../presets/index.ts';
import type { Results } from '../results.ts';
import { escapeMarkup } from './escape.ts';
import {
  classesSection,
  failuresSection,
  figuresSection,
  histogramSection,
  mistakesSection,
  rocSection,
} from './sections.ts';
import { STYLE } from './style.ts';

function facts(results: Results): string {
  const { id, ood, average, failed } = results;
  const judged = ood.reduce((sum, o) => sum + o.images, 0);
  const items: [string, string][] = [
    [String(id.images), `ID images of ${id.classes.length} classes (${id.name})`],
    [String(judged), `OOD images in ${ood.length} ${ood.length === 1 ? 'set' : 'sets'}`],
    [`${percent(id.accuracy)} %`, 'ID accuracy'],
    [`${percent(average?.scores.ctw.auroc)} %`, 'AUROC of CTW'],
    [`${percent(average?.scores.atd.auroc)} %`, 'AUROC of ATD'],
    [`${percent(average?.decisions.ctw.balanced_accuracy)} %`, 'balanced accuracy of CTW, no threshold'],
  ];
  if (failed.count > 0) items.push([String(failed.count), 'images without a verdict']);
  return `<ul class="facts">${items.map(([value, what]) => `<li><b>${escapeMarkup(value)}</b><span>${escapeMarkup(what)}</span></li>`).join('')}</ul>`;
}

const one = (list: string[]) => [...new Set(list)].join(', ');

function presetRows({ preset, id, ood }: Results): [string, string][] {
  if (!preset) return [];
  const lines = [preset.title, ...missingSets(preset), ...differences(preset, [id, ...ood], id.classes.length)];
  return [['benchmark', lines.join(' ')]];
}

function circumstances(results: Results): string {
  const { bundle, settings, runs, identity, tool } = results;
  const templates = [...new Set([...settings.templates, ...settings.templates_no])];
  const rows: [string, string][] = [
    ['bundle', `${bundle.id}, ${bundle.precision}`],
    ['measured by', `${tool.name} ${tool.version}`],
    ['computed on', one(runs.map((r) => `${r.device}, ${r.version}, Node ${r.node}`))],
    ['ID', results.id.dir],
    ['OOD', results.ood.map((o) => o.dir).join(', ')],
    ['templates', `${templates.length}: ${templates.slice(0, 5).join(' | ')}${templates.length > 5 ? ' | ...' : ''}`],
    ['classes and templates', `sha256 ${identity.classes_sha256.slice(0, 12)}`],
    ['logit scale', String(settings.logit_scale)],
    ...presetRows(results),
  ];
  return `<h2>How it was measured</h2><dl>${rows.map(([k, v]) => `<dt>${k}</dt><dd>${escapeMarkup(v)}</dd>`).join('')}</dl>
<details><summary>Definitions of the figures</summary>
<p><b>AUROC</b>: the probability that an ID image scores above an OOD image; 50 % is a coin. <b>fpr95_ood_accepted</b>: the share of OOD accepted at the threshold that accepts 95 % of ID, the ROC interpolated linearly, as CLIPN and MCM report FPR95. <b>fpr95_id_rejected</b>: the share of ID rejected at the first threshold that rejects 95 % of OOD, as OpenOOD and pytorch-ood report it. <b>AUPR-in, AUPR-out</b>: average precision with ID, or OOD, as the positive class.</p>
<p><b>CTW</b> as a score is 1 - p<sup>no</sup> of the likeliest class, <b>ATD</b> 1 - p<sub>C+1</sub>. Their rules need no threshold: CTW rejects where p<sup>no</sup> &gt; 0.5, ATD where p<sub>C+1</sub> exceeds the largest p, ATD rescaled where it exceeds the largest (1 - p<sup>no</sup>) p. <b>MSP, MaxLogit, Energy, MCM, LogitGap</b> use the same image and yes features and are there for comparison. <b>NegLabel</b> and <b>CSP</b> are the probability of the classes against negative labels, and their rules reject below one half. <b>GL-MCM</b> is MCM plus half of the largest MCM of a patch. The average is over OOD sets, each counted once.</p></details>`;
}

/**
 * The report: one HTML file without network access (its own policy forbids it), readable in light and dark mode, on paper
 * and on a phone, and without colour vision.
 * @param thumbnails data addresses by `thumbnailKey`
 */
export function reportHtml(results: Results, collector: Collector, thumbnails: Map<string, string>): string {
  const { bundle, id } = results;
  const title = `${bundle.name} ${bundle.version} on ${id.name}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeMarkup(title)}</h1>
<p class="faint">Out-of-distribution detection, measured ${escapeMarkup(results.created.slice(0, 16).replace('T', ' '))} UTC</p>
${facts(results)}
${figuresSection(results)}
${histogramSection(collector)}
${rocSection(collector, results)}
${mistakesSection(results, thumbnails)}
${classesSection(results)}
${failuresSection(results)}
${circumstances(results)}
</main>
</body>
</html>
`;
}
