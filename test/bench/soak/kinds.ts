import { noise, waves } from '../../helpers/images.ts';
import { putTenant, sendImage } from '../../helpers/service.ts';
import { photographsOrMade, request } from '../load/pictures.ts';

export const TENANTS = Array.from({ length: 12 }, (_, i) => `soak-${i}`);
const WORDS = 'dog,cat,bird,horse,ship,truck,frog,deer,apple,chair,tree,house,river,bottle,clock,mountain'.split(',');

/** One kind of request, its share of all, and the statuses that it may have; 0 where the client has left. */
export type Kind = { name: string; share: number; expected: number[]; send(i: number): Promise<number> };

export async function kinds(url: string): Promise<Kind[]> {
  const { jpegs } = await photographsOrMade();
  const others = [
    await noise(120, 90).png().toBuffer(),
    await waves(300, 200, 5).webp().toBuffer(),
    await waves(64, 64, 6).gif().toBuffer(),
    await waves(1600, 1200, 7).jpeg().toBuffer(),
  ];
  const tenant = (i: number) => `?tenant=${TENANTS[i % TENANTS.length]}`;
  const fresh = (i: number) => {
    const { body } = request(jpegs[i % jpegs.length] as Buffer);
    return Buffer.concat(body);
  };
  const status = async (response: Response) => {
    await response.arrayBuffer();
    return response.status;
  };
  const json = (body: unknown) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return [
    {
      name: 'photograph',
      share: 58,
      expected: [200],
      send: async (i) => status(await sendImage(url, fresh(i), tenant(i))),
    },
    {
      name: 'seen before',
      share: 12,
      expected: [200],
      send: async (i) => status(await sendImage(url, jpegs[i % 5] as Buffer, tenant(i))),
    },
    {
      name: 'multipart of four',
      share: 8,
      expected: [200],
      send: async (i) => {
        const form = new FormData();
        for (let k = 0; k < 4; k++) form.append('file', new Blob([new Uint8Array(fresh(i + k))]), `${k}.jpg`);
        return status(await fetch(`${url}/v1/detect${tenant(i)}`, { method: 'POST', body: form }));
      },
    },
    {
      name: 'JSON',
      share: 5,
      expected: [200],
      send: async (i) => {
        const images = [{ id: 'a', data: fresh(i).toString('base64') }];
        return status(await fetch(`${url}/v1/detect${tenant(i)}`, json({ images })));
      },
    },
    {
      name: 'other formats',
      share: 6,
      expected: [200],
      send: async (i) => status(await sendImage(url, others[i % 4] as Buffer, tenant(i))),
    },
    {
      name: 'no image',
      share: 2,
      expected: [415],
      send: async (i) => status(await sendImage(url, Buffer.from(`not an image ${i}`), tenant(i))),
    },
    {
      name: 'cut off',
      share: 2,
      expected: [422],
      send: async (i) => status(await sendImage(url, fresh(i).subarray(0, 2000), tenant(i))),
    },
    {
      name: 'unknown tenant',
      share: 1,
      expected: [404],
      send: async (i) => status(await sendImage(url, fresh(i), `?tenant=nobody-${i}`)),
    },
    {
      name: 'client leaves',
      share: 2,
      expected: [0, 200],
      send: async (i) => {
        const left = AbortSignal.timeout(1 + (i % 20));
        return sendImage(url, fresh(i), tenant(i), left).then(status, () => 0);
      },
    },
    {
      name: 'tenant changes',
      share: 1,
      expected: [200, 201, 202],
      send: async (i) => {
        const classes = [0, 1, 2, 3].map((k) => `${WORDS[(i + 5 * k) % WORDS.length]}`);
        return status(await putTenant(url, TENANTS[i % TENANTS.length] as string, { classes }));
      },
    },
    {
      name: 'tenant comes and goes',
      share: 1,
      expected: [204],
      send: async (i) => {
        await putTenant(url, `guest-${i}`, { classes: ['dog', 'cat'] });
        return status(await fetch(`${url}/v1/tenants/guest-${i}`, { method: 'DELETE' }));
      },
    },
    {
      name: 'lists and metrics',
      share: 2,
      expected: [200],
      send: async (i) => status(await fetch(`${url}${i % 2 ? '/metrics' : '/v1/tenants'}`)),
    },
  ];
}
