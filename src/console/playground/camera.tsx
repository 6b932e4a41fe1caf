import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Dialog } from '../ui/dialog.tsx';
import type { Picture } from './files.ts';

/** Browsers offer no camera to a page from another machine over plain HTTP. */
export const hasCamera = navigator.mediaDevices?.getUserMedia !== undefined;

export function Camera({ onPicture, onClose }: { onPicture: (picture: Picture) => void; onClose: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const state = useSignal<'asking' | 'on' | { failed: string }>('asking');
  useEffect(() => {
    let stream: MediaStream | undefined;
    let closed = false;
    const stop = () => {
      closed = true;
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } }).then(
      (opened) => {
        stream = opened;
        if (closed || !video.current) return stop();
        video.current.srcObject = opened;
      },
      (error: Error) => {
        state.value = { failed: error.message };
      },
    );
    return stop;
  }, []);
  const take = async () => {
    const blob = video.current && (await frameOf(video.current));
    if (blob) onPicture({ name: `photo ${new Date().toLocaleTimeString('en-GB')}.jpg`, blob });
    onClose();
  };
  return (
    <Dialog title="Photograph" onClose={onClose}>
      {typeof state.value === 'object' && (
        <p class="notice bad" role="alert">
          The camera can't be used: {state.value.failed}
        </p>
      )}
      <video
        ref={video}
        class="camera"
        autoplay
        playsInline
        muted
        aria-label="Camera preview"
        // there is no picture before the first frame
        onLoadedData={() => {
          state.value = 'on';
        }}
      />
      <div class="actions">
        <button type="button" class="primary" disabled={state.value !== 'on'} onClick={take}>
          Take the picture
        </button>
      </div>
    </Dialog>
  );
}

async function frameOf(video: HTMLVideoElement): Promise<Blob | null> {
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  return await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.92));
}
