import type { InferenceSession } from 'onnxruntime-node';

export type DeviceKind = 'cpu' | 'cuda' | 'tensorrt' | 'webgpu';

/** The device on which the image session of one engine runs. */
export interface Device {
  kind: DeviceKind;
  index: number;
  /** As in the setting: "cpu", "cuda:1". */
  name: string;
}

/**
 * The devices that `auto` tries, in this order. TensorRT compiles the model for minutes before it serves, so it is used only if the setting
 * names it.
 */
export const AUTO_ORDER: readonly DeviceKind[] = ['cuda', 'webgpu', 'cpu'];

export const CPU: Device = { kind: 'cpu', index: 0, name: 'cpu' };

export function deviceOf(name: string): Device {
  const [kind, index] = name.split(':') as [DeviceKind, string | undefined];
  return kind === 'cpu' ? CPU : { kind, index: Number(index ?? 0), name: `${kind}:${Number(index ?? 0)}` };
}

/** The devices that a setting names; undefined for `auto`. */
export function parseDevices(setting: string): Device[] | undefined {
  return setting === 'auto' ? undefined : setting.split(',').map(deviceOf);
}

/**
 * For CUDA and TensorRT onnxruntime-node accepts the number of the device and no other option, such as a memory limit; for WebGPU it
 * accepts none. The CPU runs operators that have no kernel on the device.
 */
export function executionProviders({ kind, index }: Device): InferenceSession.ExecutionProviderConfig[] {
  if (kind === 'cpu') return ['cpu'];
  if (kind === 'webgpu') return ['webgpu'];
  const cuda = { name: 'cuda' as const, deviceId: index };
  // operators that TensorRT can't compile run on the same card
  return kind === 'tensorrt' ? [{ name: 'tensorrt', deviceId: index }, cuda] : [cuda];
}

/** The runtime's message when a device does not work, followed by the usual remedy. */
export function explain(device: Device, error: unknown): string {
  const said = (error instanceof Error ? error.message : String(error)).trim().replaceAll(/\s+/g, ' ').slice(-300);
  return `${said}${HINTS.find(([kind, pattern]) => kind === device.kind && pattern.test(said))?.[2] ?? ''}`;
}

const CUDA_MISSING =
  '; the provider library is not installed (node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12, on CUDA 12 with cuDNN 9)';
const HINTS: [DeviceKind, RegExp, string][] = [
  ['cuda', /load shared library/i, CUDA_MISSING],
  ['tensorrt', /load shared library/i, `${CUDA_MISSING} , with TensorRT 10`],
  [
    'webgpu',
    /No supported adapters/i,
    '; it needs a graphics driver and, on Linux, the Vulkan loader (libvulkan.so.1)',
  ],
];
