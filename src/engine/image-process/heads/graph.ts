/**
 * The graph that scores heads, [n, D] x [C, D] -> [n, C], as the bytes of an ONNX file: one Gemm whose second input is the
 * tenant's matrix, so that one session serves every tenant. The dimensions have names instead of sizes, so they are variable.
 */
export function headGraph(): Uint8Array {
  const gemm = [
    ...text(1, 'features'),
    ...text(1, 'rows'),
    ...text(2, 'cosines'),
    ...text(4, 'Gemm'),
    // attribute transB = 1, of type INT
    ...message(5, [...text(1, 'transB'), ...integer(3, 1), ...integer(20, 2)]),
  ];
  const graph = [
    ...message(1, gemm),
    ...text(2, 'head'),
    ...message(11, floats('features', 'n', 'd')),
    ...message(11, floats('rows', 'c', 'd')),
    ...message(12, floats('cosines', 'n', 'c')),
  ];
  // ir_version 8, the graph, opset 13
  return Uint8Array.from([...integer(1, 8), ...message(7, graph), ...message(8, integer(2, 13))]);
}

/** ValueInfoProto of a float32 matrix. */
function floats(name: string, ...dims: string[]): number[] {
  const shape = dims.flatMap((dim) => message(1, text(2, dim)));
  return [...text(1, name), ...message(2, message(1, [...integer(1, 1), ...message(2, shape)]))];
}

// protobuf's wire format: field number and type, then the value
const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
const integer = (field: number, value: number) => [...varint(field << 3), ...varint(value)];
const message = (field: number, bytes: number[]) => [...varint((field << 3) | 2), ...varint(bytes.length), ...bytes];
const text = (field: number, value: string) => message(field, [...Buffer.from(value)]);
