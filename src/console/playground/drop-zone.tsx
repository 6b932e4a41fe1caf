import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Camera, hasCamera } from './camera.tsx';
import { fromList, fromTransfer, type Picture } from './files.ts';

/** Accepts pictures by drop or paste anywhere on the page, by the file dialog, or from the camera. */
export function DropZone({ small, onPictures }: { small: boolean; onPictures: (pictures: Picture[]) => void }) {
  const over = useSignal(false);
  const camera = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
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
  return (
    <section class={`drop-zone${small ? ' small' : ''}${over.value ? ' over' : ''}`} aria-label="Add pictures">
      <p class="drop-title">{over.value ? 'Release to add them' : 'Drop photos here'}</p>
      {!small && <p class="faint">one, many or whole folders, or paste from the clipboard</p>}
      <div class="actions">
        <button type="button" class="primary" onClick={() => input.current?.click()}>
          Choose photos
        </button>
        {hasCamera && (
          <button
            type="button"
            onClick={() => {
              camera.value = true;
            }}
          >
            Photograph
          </button>
        )}
      </div>
      <input
        ref={input}
        type="file"
        multiple
        accept="image/*"
        hidden
        aria-label="Photos"
        onChange={(event) => {
          onPictures(fromList(event.currentTarget.files));
          event.currentTarget.value = '';
        }}
      />
      {camera.value && (
        <Camera
          onPicture={(picture) => onPictures([picture])}
          onClose={() => {
            camera.value = false;
          }}
        />
      )}
    </section>
  );
}
