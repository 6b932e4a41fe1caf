import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Verdict } from '../../src/http/schemas/detect.ts';
import { PYTHON, photographs, ROOT, skip, temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, sendImage, startService, until } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

/** Names of the photographs' own classes and others; two that only the clean-up makes readable. */
const CLASSES =
  'airplane,brain,butterfly,dalmatian,elephant,flamingo,grand piano,helicopter,kangaroo,lobster,panda,pizza,soccer ball,starfish,stop sign,strawberry,sunflower,umbrella,watch,wheelchair,' +
  'dog,cat,school bus,castle,forest,mushroom,telephone,Überraschung,犬,cafÃ© crÃ¨me,salt &amp; pepper,“The” ΟΔΟΣ';

/** As in the official files: quotes and a stray comma belong to the template, lines end in CRLF. */
const TEMPLATES = "'a bad photo of a {}.'\r\n'a photo of a {}.',\r\nthe {} in a video game.\r\n";
const TEMPLATES_NO = "'a bad photo of no {}.'\r\n'a photo without a {}.',\r\nno {} in a video game.\r\n";

const SMALL = {
  embed_dim: 128,
  vision_cfg: { image_size: 64, layers: 2, width: 64, head_width: 32, patch_size: 16 },
  text_cfg: { context_length: 77, vocab_size: 49408, width: 64, heads: 2, layers: 2 },
};

/** "small", or the architectures of CLIPN_TEST_ARCHS, such as "ViT-B-32,ViT-B-16,ViT-L-14": those take minutes each. */
const archs = process.env['CLIPN_TEST_ARCHS']?.split(',') ?? ['small'];

const VARIANTS = ['learnable', 'hand-crafted'] as const;
const classes = CLASSES.split(',');

interface Exported {
  bundle: string;
  files: string[];
  /** PyTorch's answers, one for each file. */
  expected: {
    p: number[];
    p_no: number[];
    p_ood: number;
    index: number;
    ood: Record<'ctw' | 'atd' | 'atd_rescaled', boolean>;
  }[];
}

/** Makes checkpoints of an architecture and their bundles, all in one process of Python. */
async function exportAll(dir: string, name: string): Promise<Record<string, Exported>> {
  const files = photographs.slice(0, name === 'small' ? 100 : 20);
  const write = async (file: string, content: string) => {
    await writeFile(join(dir, file), content);
    return join(dir, file);
  };
  const arch = name === 'small' ? await write('small.json', JSON.stringify(SMALL)) : name;
  const list = ['--classes', await write('classes.txt', classes.join('\n'))];
  const templates = ['--templates', await write('yes.txt', TEMPLATES)];
  const templatesNo = ['--templates-no', await write('no.txt', TEMPLATES_NO)];
  const commands = VARIANTS.map((variant) => {
    const at = (end: string) => join(dir, `${variant}${end}`);
    const prompts = variant === 'hand-crafted' ? [...templates, ...templatesNo] : templates;
    const model = ['--checkpoint', at('-epoch_10.pt'), '--arch', arch, '--variant', variant, '--bundle', at('')];
    return { variant, bundle: at(''), out: at('.jsonl'), args: ['all', ...model, ...prompts, ...list, ...files] };
  });
  const run = spawnSync(PYTHON as string, ['-m', 'tests.official', 'batch'], {
    cwd: join(ROOT, 'models'),
    encoding: 'utf8',
    input: commands.map(({ out, args }) => `${JSON.stringify({ out, args })}\n`).join(''),
  });
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
  const answers = commands.map(async ({ variant, bundle, out }) => {
    const lines = (await readFile(out, 'utf8')).trim().split('\n');
    return [variant, { bundle, files, expected: lines.map((line) => JSON.parse(line)) }] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}

describe('a checkpoint in the official format, exported and served, against PyTorch on the original weights', () => {
  for (const name of archs) {
    const scope = scopeOfSuite();
    let made: Promise<Record<string, Exported>> | undefined;
    const exported = () => {
      made ??= temporaryDirectory(scope).then((dir) => exportAll(dir, name));
      return made;
    };
    for (const variant of VARIANTS) {
      it(`an exported ${name} (${variant}) agrees with PyTorch: probabilities within 1e-4, decisions identical`, {
        skip: skip.both,
      }, async (t) => {
        const { bundle, files, expected } = (await exported())[variant] as Exported;
        assert.equal(expected.length, files.length);

        const data = await temporaryDirectory(t);
        const { url } = await startService(t, data, { CLIPN_BUNDLE: bundle });
        assert.ok((await putTenant(url, 'exported', { classes })).ok);
        await until('features are ready', 600_000, async () => {
          const tenant = (await (await fetch(`${url}/v1/tenants/exported`)).json()) as { state: string };
          return tenant.state === 'ready';
        });
        let worst = 0;
        let closest = Number.POSITIVE_INFINITY;
        for (const [i, file] of files.entries()) {
          const query = `?tenant=exported&top_k=${classes.length}`;
          const reply = (await (await sendImage(url, await readFile(file), query)).json()) as { results: Verdict[] };
          const ours = reply.results[0] as Verdict;
          const theirs = expected[i] as Exported['expected'][number];
          const differences = [
            ours.ood_probability - theirs.p_ood,
            ...ours.top.flatMap((c) => [
              c.probability - (theirs.p[c.index] as number),
              c.no_probability - (theirs.p_no[c.index] as number),
            ]),
          ];
          assert.equal(differences.length, 1 + 2 * classes.length);
          worst = Math.max(worst, ...differences.map(Math.abs));
          closest = Math.min(closest, Math.abs((theirs.p_no[theirs.index] as number) - 0.5));
          assert.equal(ours.prediction.index, theirs.index, file);
          for (const rule of ['ctw', 'atd', 'atd_rescaled'] as const)
            assert.equal(ours.decisions[rule] === 'ood', theirs.ood[rule], `${file} ${rule}`);
        }
        // answers that were all the same would prove nothing
        const spread = {
          classes: new Set(expected.map((e) => e.index)).size,
          rejected: expected.filter((e) => e.ood.ctw).length,
        };
        t.diagnostic(
          `${files.length} photographs x ${classes.length} classes: largest difference of a probability ${worst.toExponential(1)}; ` +
            `${spread.classes} classes predicted, ${spread.rejected} photographs rejected, closest to a tie ${closest.toExponential(1)}`,
        );
        assert.ok(spread.classes > 1 && spread.rejected > 0 && spread.rejected < files.length, JSON.stringify(spread));
        assert.ok(worst <= 1e-4, `largest difference ${worst}`);
      });
    }
  }
});
