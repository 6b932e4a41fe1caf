import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { fromTransfer, type Picture } from './files.ts';

/** Accepts files that are dropped or pasted anywhere on the page. The signal is true while files are held above the page. */
export function useDroppedFiles(onPictures: (pictures: Picture[]) => void): Signal<boolean> {
  const over = useSignal(false);
  useEffect(() => {
    const listening = new AbortController();
    const on = <K extends keyof DocumentEventMap>(type: K, listener: (event: DocumentEventMap[K]) => void) =>
      document.addEventListener(type, listener, { signal: listening.signal });
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    on('dragover', (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      over.value = true;
    });
    on('dragleave', (event) => {
      if (event.relatedTarget === null) over.value = false;
    });
    on('drop', (event) => {
      over.value = false;
      if (!event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      void fromTransfer(event.dataTransfer).then(onPictures);
    });
    on('paste', (event) => {
      if (!event.clipboardData?.types.includes('Files')) return;
      event.preventDefault();
      void fromTransfer(event.clipboardData).then(onPictures);
    });
    return () => listening.abort();
  }, []);
  return over;
}
