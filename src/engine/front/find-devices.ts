import { readdirSync } from 'node:fs';
import { platform } from 'node:os';
import { ServiceError } from '../../errors/index.ts';
import { ProcessLink } from '../ipc/process-link.ts';
import type { ProbeOperations } from '../ipc/protocol.ts';
import { AUTO_ORDER, type DeviceKind, deviceOf, parseDevices } from '../shared/devices.ts';
import { causeOf, describeExit, type Exit } from '../shared/exit-cause.ts';

export interface FindOptions {
  bundleDir: string;
  threads: number;
  timeoutMs: number;
}

export interface FoundDevices {
  /** One engine each. */
  devices: string[];
  /** The devices that `auto` has rejected, each with the reason. */
  passedOver: { device: string; why: string }[];
}

/**
 * The devices of a setting. Named devices are not tried here: the engine refuses to start if one of them does not work. `auto` tries
 * its candidates one after the other, each in a process of its own, and chooses the first one that passes a golden image.
 */
export async function findDevices(setting: string, options: FindOptions): Promise<FoundDevices> {
  const named = parseDevices(setting);
  if (named) return { devices: named.map((d) => d.name), passedOver: [] };
  const passedOver: FoundDevices['passedOver'] = [];
  for (const kind of AUTO_ORDER) {
    const device = deviceOf(kind).name;
    const why = kind === 'cpu' ? undefined : (missing(kind) ?? (await probe(device, options)));
    if (why === undefined) return { devices: [device], passedOver };
    passedOver.push({ device, why });
  }
  throw new Error('the CPU is always there');
}

/** Device files that a kind needs on Linux, so that a machine without a GPU does not try the kind at every start. */
const DEVICE_FILES: Partial<Record<DeviceKind, RegExp>> = {
  cuda: /^(nvidia\d|dxg|nvhost-gpu|nvgpu)/,
  // a Vulkan driver that renders on the CPU needs no device file, and is slower than the CPU provider
  webgpu: /^(nvidia\d|dxg|dri|nvhost-gpu|nvgpu|mali|kgsl)/,
};

function missing(kind: DeviceKind): string | undefined {
  const wanted = DEVICE_FILES[kind];
  if (platform() !== 'linux' || !wanted) return undefined;
  return readdirSync('/dev').some((name) => wanted.test(name)) ? undefined : 'there is no such device in /dev';
}

/** The reason why the device does not work; undefined if it does. */
async function probe(device: string, { bundleDir, threads, timeoutMs }: FindOptions): Promise<string | undefined> {
  let exit: Exit | undefined;
  const link = new ProcessLink<ProbeOperations>({
    module: 'image-process/device-probe',
    env: {},
    onExit: (e) => {
      exit = e;
    },
  });
  const timer = setTimeout(() => link.child.kill('SIGKILL'), timeoutMs);
  try {
    await link.call('probe', { bundleDir, device, threads });
    return undefined;
  } catch (error) {
    // read through a function, because the compiler does not see that the event handler has set it
    const ended = (() => exit)();
    if (ended) return `the process that tried it ended (${describeExit(ended, causeOf(ended, false))})`;
    return error instanceof ServiceError ? (error.internal ?? error.message) : String(error);
  } finally {
    clearTimeout(timer);
    await link.close(0);
  }
}
