import { closedLoop, openLoop } from './load/loops.ts';
import { photographsOrMade } from './load/pictures.ts';
import { withService } from './measure/target.ts';
import { from } from './service.ts';
const pictures = await photographsOrMade();
const env = process.env.E ? JSON.parse(process.env.E) : {};
await withService({ env, tenants: ['small', 'big'] }, async (target) => {
  await closedLoop(target.url, 8, 3, from(pictures));
  const rate = 28, seconds = 15;
  const show = (name: string, o: any) => {
    const l = o.of(200) as number[]; const order = l.map((_, i) => i).sort((a, b) => l[a]! - l[b]!);
    for (const q of [0.5, 0.9, 0.95, 0.99]) { const around = order.slice(Math.max(0, Math.floor((q - 0.02) * l.length)), Math.ceil(Math.min(1, q + 0.01) * l.length));
      const mean = (f: (i: number) => number) => (around.reduce((s, i) => s + f(i), 0) / around.length).toFixed(1);
      console.log(name, q, 'latency', mean((i) => l[i]!), 'total', mean((i) => o.timings[i].total), 'decode', mean((i) => o.timings[i].decode), 'queue', mean((i) => o.timings[i].queue), 'inf', mean((i) => o.timings[i].inference)); }
  };
  const small = () => openLoop(target.url, { rate, seconds }, from(pictures, ['small']));
  show('alone', await small());
  const [b, big] = await Promise.all([small(), openLoop(target.url, { rate: 20 * rate, seconds }, from(pictures, ['big']))]);
  show('beside', b); console.log('big', big.count(200) / seconds, big.mean('inference'));
});
