import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bar, progress, progressLine } from '../../src/cli/progress.ts';
import { table } from '../../src/cli/table.ts';
import { fitText, textWidth } from '../../src/cli/text-width.ts';

const STATE = { done: 31_337, total: 1_000_000, unit: 'images', rate: 42.5, leftSeconds: 22_794 };

describe('progress', () => {
  it('a line fits every terminal from 4 to 250 columns and says at least the counts or the percentage', () => {
    for (const label of ['', 'zoo', '動物園の写真'.repeat(20), 'é'.repeat(60), '👩‍👩‍👧‍👦'.repeat(9), 'a\u001b[2Jb']) {
      for (let columns = 4; columns <= 250; columns++) {
        const line = progressLine({ ...STATE, label }, columns);
        assert.ok(textWidth(line) < columns, `${columns}: ${line}`);
        assert.match(line, columns < 20 ? /3 %|^\d/ : /31337\/1000000|3 %/);
        assert.doesNotMatch(line, /\p{Cc}/u);
      }
    }
  });

  it('a wide terminal shows counts, rate, time and label; a narrow one drops the rate, the label, then the time', () => {
    const line = (columns: number) => progressLine({ ...STATE, label: 'zoo' }, columns);
    assert.equal(line(100), '[........................] 31337/1000000 images, 43/s, 6.3 h left zoo');
    assert.equal(line(50), '[..........] 31337/1000000 images, 6.3 h left zoo');
    assert.equal(line(30), '[.............] 31337/1000000');
    assert.equal(line(20), '[.............] 3 %');
    assert.equal(progressLine({ done: 10, total: 10, unit: 'texts' }, 60), '[########################] 10/10 texts');
    assert.equal(progressLine({ done: 0, total: 0, unit: 'texts' }, 60), '[########################] 0/0 texts');
  });

  it('on a terminal one line is drawn again and removed; COLUMNS says the width where the terminal does not', (t) => {
    const before = process.env['COLUMNS'];
    t.after(() => {
      if (before === undefined) delete process.env['COLUMNS'];
      else process.env['COLUMNS'] = before;
    });
    process.env['COLUMNS'] = '24';
    process.env['TERM'] ||= 'xterm';
    let screen = '';
    const stream = { isTTY: true, columns: 0, write: (text: string) => (screen += text) };
    const drawn = bar('zoo', 'texts', stream);
    drawn.draw(5, 10, 1, 5);
    drawn.end();
    assert.equal(screen, '\r[###...] 5/10, 5 s left\u001b[K\r\u001b[K');
  });

  it('without a terminal there is a plain line every ten seconds and no control character', () => {
    let clock = 0;
    let log = '';
    const counting = progress(100, 'images', { write: (text) => (log += text) }, () => clock);
    for (let i = 0; i < 100; i++) {
      clock += 500;
      counting.tick();
    }
    counting.end();
    assert.equal(log, [20, 40, 60, 80, 100].map((n) => `${n}/100 images, 2.0/s, ${(100 - n) / 2} s left\n`).join(''));
  });
});

describe('columns of a text', () => {
  it('wide characters and emoji take two columns, marks none', () => {
    for (const [text, width] of [
      ['abc', 3],
      ['日本', 4],
      ['한국어', 6],
      ['ｆｕｌｌ', 8],
      ['e\u0301', 1],
      ['👩‍👩‍👧‍👦', 2],
      ['🇩🇪', 2],
      ['a\u200bb', 2],
      ['', 0],
    ] as const)
      assert.equal(textWidth(text), width, text);
  });

  it('a text is cut to the columns with an ellipsis, never inside a character', () => {
    assert.equal(fitText('日本語', 6), '日本語');
    assert.equal(fitText('日本語', 5), '日本…');
    assert.equal(fitText('日本語', 4), '日…');
    assert.equal(fitText('abc', 1), '…');
    assert.equal(fitText('abc', 0), '');
  });

  it('a table aligns wide characters and shows no control character', () => {
    const text = table(
      ['name', 'n'],
      [
        ['日本', '1'],
        ['a\u001b[2J', '22'],
      ],
      new Set([1]),
    );
    assert.equal(text, 'name       n\n日本       1\na\\x1b[2J  22');
  });
});
