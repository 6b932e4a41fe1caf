import { signal } from '@preact/signals';

/** A message for screen readers, also shown for a moment. */
export const announcement = signal({ text: '', shown: false });
let timer: ReturnType<typeof setTimeout>;

/** Announces a message. `shown: false` if the change is visible anyway. */
export function announce(text: string, { shown = true } = {}): void {
  announcement.value = { text, shown };
  clearTimeout(timer);
  timer = setTimeout(() => {
    announcement.value = { text: '', shown: false };
  }, 4000);
}

/** A text that could not be copied automatically. */
export const toCopyByHand = signal<string | undefined>();

export async function copy(text: string, what: string): Promise<void> {
  try {
    // browsers offer no clipboard to a page from another machine over plain HTTP
    await navigator.clipboard.writeText(text);
    announce(`${what} copied`);
  } catch {
    toCopyByHand.value = text;
  }
}

export function download(name: string, value: unknown): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: 'application/json' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
