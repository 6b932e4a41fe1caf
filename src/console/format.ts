/** A share in percent, with just enough digits to distinguish 99.7 % from certainty. The blank does not break. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '<\u00a00.1\u00a0%';
  if (value < 100 && value > 99.9) return '>\u00a099.9\u00a0%';
  return `${value < 10 || value > 99 ? trim(value.toFixed(1)) : value.toFixed(0)}\u00a0%`;
}

const trim = (digits: string) => digits.replace(/\.0+$/, '');

export function milliseconds(ms: number): string {
  return ms < 1000 ? `${trim(ms.toFixed(ms < 10 ? 1 : 0))} ms` : `${trim((ms / 1000).toFixed(ms < 10_000 ? 2 : 1))} s`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

/** A rate or a mean with three significant digits. */
export function number(value: number): string {
  if (value === 0) return '0';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return trim(value.toFixed(value < 10 ? 2 : 1));
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  if (n < 2 ** 20) return `${Math.round(n / 1024)} KiB`;
  return `${trim((n / 2 ** 20).toFixed(1))} MiB`;
}

export function when(time: string): string {
  return new Date(time).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });
}
