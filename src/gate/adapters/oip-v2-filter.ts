import {
  type Edit,
  edit,
  elementsOf,
  fill,
  membersOf,
  parsed,
  remove,
  rootOf,
  type Span,
  typeOf,
} from './json-text.ts';
import { type OipTensor, tensorsOf } from './oip-v2.ts';
import { ExtractionError, type Filter, type FilterPlan } from './types.ts';

/** The placeholder for one element of a filtered row, if the file defines none: JSON has no NaN. */
function neutral(datatype: string): string {
  return datatype === 'BYTES' ? '""' : datatype === 'BOOL' ? 'false' : '0';
}

/** Whether the request asks for a binary answer, which cannot contain a placeholder. */
function wantsBinary(text: Buffer): boolean {
  const root = membersOf(text, rootOf(text));
  const flag = (span: Span | undefined, name: string) => {
    const value = span && membersOf(text, span).get(name);
    return value !== undefined && parsed(text, value) === true;
  };
  const outputs = root.get('outputs');
  return (
    flag(root.get('parameters'), 'binary_data_output') ||
    (outputs ? elementsOf(text, outputs) : []).some((o) => flag(membersOf(text, o).get('parameters'), 'binary_data'))
  );
}

/** Elements of one row: one if the data is nested, a run of equal length if it is flat. */
function rowLength(text: Buffer, data: Span, rows: number): number | undefined {
  const elements = elementsOf(text, data);
  const nested = elements[0] !== undefined && typeOf(text, elements[0]) === 'array';
  if (nested && elements.length === rows) return 1;
  return nested || rows === 0 || elements.length % rows !== 0 ? undefined : elements.length / rows;
}

const shapeEdit = ({ shapeSpan, shape }: Pick<OipTensor, 'shape' | 'shapeSpan'>, rows: number): Edit => ({
  ...shapeSpan,
  text: JSON.stringify([rows, ...shape.slice(1)]),
});

/** Removes rows from every input and adds placeholder rows to every output. Undefined without a common batch or JSON data. */
export function oipFilter(text: Buffer, inputs: OipTensor[], batch: number): Filter | undefined {
  const rows = inputs.map((input) => ({
    input,
    data: input.data as Span,
    row: input.data && input.shape[0] === batch ? rowLength(text, input.data, batch) : undefined,
  }));
  if (rows.length === 0 || rows.some(({ row }) => row === undefined) || wantsBinary(text)) return undefined;
  const planned = rows.map(({ input: { shape, shapeSpan }, data, row = 1 }) => ({ shape, shapeSpan, data, row }));
  return plannedOipFilter(text, { length: text.length, batch, rows: planned });
}

export function plannedOipFilter(text: Buffer, plan: Extract<FilterPlan, { batch: number }>): Filter {
  const { batch, rows } = plan;
  return {
    plan,
    request: (drop) => ({
      body: edit(
        text,
        rows.flatMap(({ data, row, ...input }) => [
          shapeEdit(input, batch - drop.size),
          remove(text, data, (i) => drop.has(Math.floor(i / row))),
        ]),
      ),
    }),
    answer: (body, drop, placeholder) => {
      const kept = batch - drop.size;
      const edits = tensorsOf(body, 'outputs').flatMap((output) => {
        const row = output.data && output.shape[0] === kept ? rowLength(body, output.data, kept) : undefined;
        if (!output.data || row === undefined)
          throw new ExtractionError('undecodable', `the output ${output.name} has not one row per instance`);
        const first = elementsOf(body, output.data)[0];
        const nested = first !== undefined && typeOf(body, first) === 'array';
        const one = placeholder === undefined ? neutral(output.datatype) : JSON.stringify(placeholder);
        const filler = nested ? likeRow(body, first, one) : one;
        const put = (i: number) => (drop.has(Math.floor(i / row)) ? filler : undefined);
        return [shapeEdit(output, batch), fill(body, output.data, batch * row, put)];
      });
      if (edits.length === 0) throw new ExtractionError('undecodable', 'the answer has no outputs');
      return edit(body, edits);
    },
  };
}

/** A row of the same nesting, with `one` for every scalar. */
function likeRow(text: Buffer, span: Span, one: string): string {
  if (typeOf(text, span) !== 'array') return one;
  return `[${elementsOf(text, span)
    .map((e) => likeRow(text, e, one))
    .join(',')}]`;
}
