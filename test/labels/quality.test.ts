import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decision } from '../../src/clipn/index.ts';
import { type Label, type LabelRecord, quality } from '../../src/labels/index.ts';
import { randoms } from '../helpers/rows.ts';

interface Image {
  truth: 'class' | 'none';
  ctw: Decision;
  atd: Decision;
}

const stratumOf = ({ ctw, atd }: Image) =>
  `f ${ctw === atd ? (ctw === 'ood' ? 'out' : 'rest') : 'disagreeing'} ${ctw} ${atd}`;

function record(
  image: Image,
  key: string,
  weight: number,
  label: Label = image.truth === 'class' ? { kind: 'class', class: 'dog' } : { kind: 'none' },
): LabelRecord {
  const { ctw, atd } = image;
  return {
    key,
    by: 'test',
    at: '2026-01-02T00:00:00Z',
    label,
    verdict: {
      captured_at: '2026-01-01T00:00:00Z',
      tenant_version: 1,
      model: { name: 'm', version: '1' },
      features: 'f',
      decisions: { ctw, atd, atd_rescaled: atd },
      scores: {} as never,
      prediction: { class: 'dog', probability: 0.9 },
      no_probability: 0.1,
      ood_probability: 0.1,
      stratum: stratumOf(image),
      weight,
    },
  };
}

const measure = (labels: LabelRecord[], population = new Map<string, { verdicts: number; since: string }>()) =>
  quality({ features: 'f', labels, population, decide: ({ decisions: { ctw, atd } }) => ({ ctw, atd }) });

/** A stream of verdicts in which CTW refuses 10 % of the images of the classes, and ATD accepts 30 % of the others. */
function stream(random: () => number, size: number): Image[] {
  return Array.from({ length: size }, () => {
    const truth = random() < 0.7 ? 'class' : 'none';
    const refuse = (share: number): Decision => (random() < share ? 'ood' : 'id');
    return truth === 'class'
      ? { truth, ctw: refuse(0.1), atd: refuse(0.05) }
      : { truth, ctw: refuse(0.5), atd: refuse(0.7) };
  });
}

function counted(images: Image[]) {
  const population = new Map<string, { verdicts: number; since: string }>();
  for (const image of images) {
    const stratum = stratumOf(image);
    const verdicts = (population.get(stratum)?.verdicts ?? 0) + 1;
    population.set(stratum, { verdicts, since: '2026-01-01T00:00:00Z' });
  }
  return population;
}

describe('measured error rates', () => {
  it('on average they are those of all verdicts, and their intervals hold, though refused images are drawn ten times as often', () => {
    const random = randoms(3);
    const estimates: number[] = [];
    const plain: number[] = [];
    let inside = 0;
    const runs = 300;
    for (let run = 0; run < runs; run++) {
      const images = stream(random, 3000);
      const labels = images.flatMap((image, i) => {
        const probability = stratumOf(image).includes('rest') ? 0.1 : 1;
        // a reviewer labels a third of what was kept
        if (random() >= probability || random() >= 1 / 3) return [];
        return [record(image, String(i), 1 / probability)];
      });
      const { falseRefusals } = measure(labels, counted(images)).rules['ctw'] as never as {
        falseRefusals: { value: number; low: number; high: number; labelled: number; errors: number };
      };
      estimates.push(falseRefusals.value);
      plain.push(falseRefusals.errors / falseRefusals.labelled);
      if (falseRefusals.low <= 0.1 && 0.1 <= falseRefusals.high) inside++;
    }
    const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
    assert.ok(Math.abs(mean(estimates) - 0.1) < 0.01, String(mean(estimates)));
    assert.ok(mean(plain) > 0.3, 'without weights the rate would be far off');
    assert.ok(inside / runs >= 0.93, String(inside / runs));
  });

  it('labels that were given in one group more often than in another do not bend them', () => {
    const images: Image[] = [
      ...new Array<Image>(900).fill({ truth: 'class', ctw: 'id', atd: 'id' }),
      ...new Array<Image>(100).fill({ truth: 'class', ctw: 'ood', atd: 'ood' }),
    ];
    // all refused images are labelled, and 9 of the 900 others
    const labels = [...images.slice(0, 9), ...images.slice(900)].map((image, i) => record(image, String(i), 1));
    const { rules, covered, verdicts, since, labels: counts } = measure(labels, counted(images));
    assert.ok(Math.abs((rules['ctw']?.falseRefusals?.value ?? 0) - 0.1) < 1e-9);
    assert.equal(rules['ctw']?.falseRefusals?.errors, 100);
    assert.ok((rules['ctw']?.falseRefusals?.effective ?? 99) < 12);
    assert.equal(rules['ctw']?.falseAcceptances, null);
    assert.deepEqual([covered, verdicts, since], [1, 1000, '2026-01-01T00:00:00Z']);
    assert.deepEqual(counts, { class: 109, none: 0, unsure: 0 });
  });

  it('unsure labels and labels of other features, or without a verdict, do not count', () => {
    const image: Image = { truth: 'none', ctw: 'id', atd: 'ood' };
    const other = record(image, 'b', 1);
    const labels = [
      record(image, 'a', 1),
      record(image, 'u', 1, { kind: 'unsure' }),
      { ...other, verdict: other.verdict && { ...other.verdict, features: 'g' } },
      { ...record(image, 'c', 1), verdict: null },
    ];
    const { rules, labels: counts, wrongClass } = measure(labels);
    assert.deepEqual(counts, { class: 0, none: 1, unsure: 1 });
    assert.equal(rules['ctw']?.falseAcceptances?.value, 1);
    assert.equal(rules['atd']?.falseAcceptances?.value, 0);
    assert.equal(wrongClass, null);
  });

  it('groups without a label do not count as covered', () => {
    const images: Image[] = [
      ...new Array<Image>(75).fill({ truth: 'class', ctw: 'id', atd: 'id' }),
      ...new Array<Image>(25).fill({ truth: 'class', ctw: 'ood', atd: 'ood' }),
    ];
    const { covered } = measure([record(images[0] as Image, 'a', 1)], counted(images));
    assert.equal(covered, 0.75);
  });

  it('another class than the predicted one counts as a wrong class', () => {
    const image: Image = { truth: 'class', ctw: 'id', atd: 'id' };
    const labels = [record(image, 'a', 1), record(image, 'b', 1, { kind: 'class', class: 'cat' })];
    assert.equal(measure(labels).wrongClass?.value, 0.5);
  });
});
