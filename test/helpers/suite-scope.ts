import { after, type TestContext } from 'node:test';

/** `after` of a test context, for what all tests of a `describe` share: called in its body. The last part that was started is closed first. */
export function scopeOfSuite(): Pick<TestContext, 'after'> {
  const closing: (() => unknown)[] = [];
  after(async () => {
    for (const close of closing) await close();
  });
  return { after: (close) => void closing.unshift(close as () => unknown) };
}
