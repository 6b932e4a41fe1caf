import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { ADAPTERS, BATCH_RULES, FAIL_CAUSES, GateFile, MODES } from '../../src/gate/config/schema.ts';
import { parseGateFile } from '../../src/gate/index.ts';
import { TenantDefinition } from '../../src/tenants/definition.ts';
import { type Block, commandLines, DOCUMENTS, documentAt } from '../helpers/documents.ts';

const all = DOCUMENTS.flatMap((d) => d.blocks.map((block) => ({ at: `${d.path}:${block.line}`, block })));
const of = (language: string) => all.filter(({ block }) => block.language === language);

function yamlOf({ text }: Block): unknown[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return [document.toJS() as unknown];
  });
}

const has = (value: unknown, ...keys: string[]): boolean =>
  typeof value === 'object' && value !== null && keys.every((key) => key in value);

describe('examples in the documents', () => {
  it('JSON examples of the documents parse', () => {
    assert.ok(of('json').length > 1);
    for (const { at, block } of of('json')) assert.doesNotThrow(() => JSON.parse(block.text), at);
  });

  it('the body of a curl command in a document parses', () => {
    const bodies = DOCUMENTS.flatMap((d) => commandLines(d)).flatMap((line) => /\s-d '(\{.*\})'/.exec(line)?.[1] ?? []);
    assert.ok(bodies.length > 1);
    for (const body of bodies) assert.doesNotThrow(() => JSON.parse(body), body);
  });

  it("YAML examples parse; the gate accepts its files, and a tenant's definition is valid", () => {
    const validTenant = new Ajv({ strict: false }).compile(TenantDefinition);
    const seen = { gate: 0, tenant: 0 };
    for (const { at, block } of of('yaml')) {
      for (const value of yamlOf(block)) {
        if (has(value, 'upstream', 'routes')) {
          seen.gate++;
          assert.doesNotThrow(() => parseGateFile(block.text, at), at);
        } else if (has(value, 'classes')) {
          seen.tenant++;
          const { tenant: _, ...definition } = value as Record<string, unknown>;
          assert.ok(validTenant(definition), `${at}: ${JSON.stringify(validTenant.errors)}`);
        }
      }
    }
    assert.ok(seen.gate >= 2 && seen.tenant >= 1, JSON.stringify(seen));
  });

  it('docs/gate.md names every adapter, mode, rule for batches, cause and key of the file', () => {
    const { text } = documentAt('docs/gate.md');
    const keys = (schema: unknown): string[] =>
      has(schema, 'properties')
        ? Object.entries((schema as { properties: Record<string, unknown> }).properties).flatMap(([key, below]) => [
            key,
            ...keys(below),
          ])
        : [];
    const words = [...ADAPTERS, ...MODES, ...BATCH_RULES, ...FAIL_CAUSES, ...keys(GateFile)];
    assert.deepEqual(
      [...new Set(words)].filter((word) => !new RegExp(`\\b${word}\\b`).test(text)),
      [],
    );
  });
});
