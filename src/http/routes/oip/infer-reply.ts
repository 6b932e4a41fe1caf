import { decisionOf, type Rule } from '../../../clipn/index.ts';
import type { Detection } from '../../../engine/index.ts';
import { OUTPUTS, type OutputName } from '../../schemas/oip.ts';

const VALUE: Record<OutputName, (d: Detection, method: Rule, classes: readonly string[]) => string | number> = {
  decision: (d, method) => decisionOf(d.decisions, method),
  class: (d, _method, classes) => classes[d.index] as string,
  probability: (d) => d.probability,
  no_probability: (d) => d.noProbability,
  ood_probability: (d) => d.oodProbability,
};

/** One value per image. */
export function valuesOf(
  name: OutputName,
  detections: Detection[],
  method: Rule,
  classes: readonly string[],
): (string | number)[] {
  return detections.map((d) => VALUE[name](d, method, classes));
}

/** The binary form: float32 little-endian, or a length of four bytes before each text. */
export function packed(values: (string | number)[]): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const bytes = typeof value === 'string' ? Buffer.from(value) : undefined;
      const head = Buffer.alloc(4);
      if (bytes) head.writeUInt32LE(bytes.length);
      else head.writeFloatLE(value as number);
      return bytes ? Buffer.concat([head, bytes]) : head;
    }),
  );
}

/** Encodes the outputs as JSON, and as a binary section those that the request wants in that form. */
export function encode(
  wanted: { name: OutputName; binary: boolean }[],
  values: (name: OutputName) => (string | number)[],
): { outputs: object[]; binary: Buffer | undefined } {
  const sections: Buffer[] = [];
  const outputs = wanted.map(({ name, binary }) => {
    const data = values(name);
    const tensor = { name, datatype: OUTPUTS.find((o) => o.name === name)?.datatype, shape: [data.length] };
    if (!binary) return { ...tensor, data };
    const section = packed(data);
    sections.push(section);
    return { ...tensor, parameters: { binary_data_size: section.length } };
  });
  return { outputs, binary: sections.length === 0 ? undefined : Buffer.concat(sections) };
}
