import { closeSync, openSync, readSync } from 'node:fs';

const DYNAMIC = 6;
const NEEDED = 1n;
const MAGIC = 0x7f_45_4c_46;

/** Names of the shared libraries that an ELF file of 64 bits asks for (DT_NEEDED), in its order. @throws Error for another file */
export function neededBy(path: string): string[] {
  const fd = openSync(path, 'r');
  try {
    const read = (at: bigint | number, length: bigint | number) => {
      const bytes = Buffer.alloc(Number(length));
      readSync(fd, bytes, 0, bytes.length, Number(at));
      return bytes;
    };
    const head = read(0, 64);
    if (head.readUInt32BE(0) !== MAGIC || head[4] !== 2) throw new Error(`${path} is no ELF file of 64 bits`);
    const [size, count] = [head.readUInt16LE(58), head.readUInt16LE(60)];
    const sections = read(head.readBigUInt64LE(40), size * count);
    const section = (i: number) => {
      const at = i * size;
      const offset = sections.readBigUInt64LE(at + 24);
      return {
        type: sections.readUInt32LE(at + 4),
        link: sections.readUInt32LE(at + 40),
        bytes: () => read(offset, sections.readBigUInt64LE(at + 32)),
      };
    };
    const dynamic = Array.from({ length: count }, (_, i) => section(i)).find(({ type }) => type === DYNAMIC);
    if (!dynamic) return [];
    const names = section(dynamic.link).bytes();
    const entries = dynamic.bytes();
    const needed: string[] = [];
    for (let at = 0; at + 16 <= entries.length; at += 16) {
      if (entries.readBigUInt64LE(at) !== NEEDED) continue;
      const from = Number(entries.readBigUInt64LE(at + 8));
      needed.push(names.toString('latin1', from, names.indexOf(0, from)));
    }
    return needed;
  } finally {
    closeSync(fd);
  }
}
