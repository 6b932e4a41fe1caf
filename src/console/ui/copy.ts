import { signal } from '@preact/signals';

/** Told to whoever listens to the page, and shown for a moment. */
export const announcement = signal({ text: '', shown: false });
let timer: ReturnType<typeof setTimeout>;

/** `shown: false` for what can be seen anyway. */
export function announce(text: string, { shown = true } = {}): void {
  announcement.value = { text, shown };
  clearTimeout(timer);
  timer = setTimeout(() => {
    announcement.value = { text: '', shown: false };
  }, 4000);
}

/** A text that could not be copied, to be taken by hand. */
export const toCopyByHand = signal<string | undefined>();

export async function copy(text: string, what: string): Promise<void> {
  try {
    // there is no clipboard on a page that came by plain http from another machine
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
