import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Verdict } from '../../src/http/schemas/detect.ts';
import { PYTHON, photographs, ROOT, skip, temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, sendImage, startService, until } from '../helpers/service.ts';

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

/** Makes a checkpoint and its bundle; gives the seconds of the export and PyTorch's answers, a line each. */
function python(...args: string[]): string {
  const program = ['-m', 'tests.official', 'all', ...args];
  const run = spawnSync(PYTHON as string, program, { cwd: join(ROOT, 'models'), encoding: 'utf8', maxBuffer: 1e9 });
  assert.equal(run.status, 0, `${program.join(' ')}\n${run.stdout}\n${run.stderr}`);
  return run.stdout;
}

describe('a checkpoint in the official format, exported and served, against PyTorch on the original weights', () => {
  for (const name of archs) {
    for (const variant of ['learnable', 'hand-crafted']) {
      it(`an exported ${name} (${variant}) agrees with PyTorch: probabilities within 1e-4, decisions identical`, {
        skip: skip.both,
      }, async (t) => {
        const dir = await temporaryDirectory(t);
        const files = photographs.slice(0, name === 'small' ? 100 : 20);
        const at = (file: string) => join(dir, file);
        const write = (file: string, content: string) => writeFile(at(file), content).then(() => at(file));
        const arch = name === 'small' ? await write('small.json', JSON.stringify(SMALL)) : name;
        const classes = CLASSES.split(',');
        const templates = ['--templates', await write('yes.txt', TEMPLATES)];
        if (variant === 'hand-crafted') templates.push('--templates-no', await write('no.txt', TEMPLATES_NO));
        const checkpoint = ['--checkpoint', at('epoch_10.pt'), '--arch', arch, '--variant', variant, ...templates];
        const list = await write('classes.txt', classes.join('\n'));
        const written = python(...checkpoint, '--bundle', at('bundle'), '--classes', list, ...files);
        const [{ export_s: seconds }, ...expected] = written
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line));
        assert.equal(expected.length, files.length);

        const { url } = await startService(t, at('data'), { CLIPN_BUNDLE: at('bundle') });
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
          const theirs = expected[i];
          const differences = [
            ours.ood_probability - theirs.p_ood,
            ...ours.top.flatMap((c) => [c.probability - theirs.p[c.index], c.no_probability - theirs.p_no[c.index]]),
          ];
          assert.equal(differences.length, 1 + 2 * classes.length);
          worst = Math.max(worst, ...differences.map(Math.abs));
          closest = Math.min(closest, Math.abs(theirs.p_no[theirs.index] - 0.5));
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
            `${spread.classes} classes predicted, ${spread.rejected} photographs rejected, closest to a tie ${closest.toExponential(1)}; exported in ${seconds.toFixed(0)} s`,
        );
        assert.ok(spread.classes > 1 && spread.rejected > 0 && spread.rejected < files.length, JSON.stringify(spread));
        assert.ok(worst <= 1e-4, `largest difference ${worst}`);
      });
    }
  }
});
