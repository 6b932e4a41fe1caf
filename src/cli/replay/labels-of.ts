import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { ServiceError } from '../../errors/index.ts';
import { LabelView } from '../../http/schemas/label.ts';
import { validatorOf } from '../../validator.ts';
import { clientOf } from '../connection.ts';
import { RequestError, tenantPath } from '../tenants/client.ts';
import { UsageError } from '../usage-error.ts';
import type { LabelsOf } from './labelled-replay.ts';

type Labels = ReadonlyMap<string, LabelView>;

const valid = validatorOf(LabelView, { strictTypes: false });

/**
 * Labels from a file (JSON lines), or from a running service if `source` is an address.
 * @throws ServiceError invalid_request for a file that has no labels; RequestError; UsageError
 */
export function labelsFrom(source: string): LabelsOf {
  return /^https?:\/\//i.test(source) ? ofService(source) : ofFile(source);
}

/** A file has the labels of one tenant, and does not name it. */
function ofFile(path: string): LabelsOf {
  let all: Promise<Labels> | undefined;
  let first: string | undefined;
  return (tenant) => {
    first ??= tenant;
    if (tenant !== first)
      throw new UsageError(
        `The trail has the tenants ${first} and ${tenant}, and a file of labels belongs to one: add --tenant.`,
      );
    all ??= read(createReadStream(path), path);
    return all;
  };
}

/** A tenant that the service does not know has no labels. */
function ofService(url: string): LabelsOf {
  const known = new Map<string, Promise<Labels>>();
  const load = async (tenant: string): Promise<Labels> => {
    try {
      const client = await clientOf({ url });
      const text = String(await client.download(`${tenantPath(tenant)}/labels?format=jsonl`));
      return await read(text.split('\n'), url);
    } catch (error) {
      if (error instanceof RequestError && error.code === 'tenant_not_found') return new Map();
      throw error;
    }
  };
  return (tenant) => {
    const labels = known.get(tenant) ?? load(tenant);
    known.set(tenant, labels);
    return labels;
  };
}

async function read(source: NodeJS.ReadableStream | string[], name: string): Promise<Labels> {
  const labels = new Map<string, LabelView>();
  let number = 0;
  try {
    for await (const line of Array.isArray(source) ? source : createInterface({ input: source })) {
      number++;
      if (line.trim() === '') continue;
      const label = parsed(line);
      if (!label) throw new Error(`line ${number} is not a label as \`clipn-gate labels export\` writes it`);
      labels.set(label.sha256, label);
    }
  } catch (cause) {
    throw new ServiceError('invalid_request', `${name} can't be read: ${(cause as Error).message}`, { cause });
  }
  return labels;
}

function parsed(line: string): LabelView | undefined {
  try {
    const label: unknown = JSON.parse(line);
    return valid(label) ? (label as LabelView) : undefined;
  } catch {
    return undefined;
  }
}
