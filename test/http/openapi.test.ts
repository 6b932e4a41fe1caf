import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readable } from '../../src/http/openapi.ts';
import { testApp } from '../helpers/app.ts';

interface Operation {
  operationId: string;
  tags: string[];
  parameters?: { in: string; name: string; required: boolean; schema: object }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Record<string, unknown> }> };
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}
type Paths = Record<string, Record<string, Operation>>;

const documentOf = (paths: object) => ({ paths, components: { securitySchemes: {} } });
const replying = (schema: object) => ({
  get: { responses: { 200: { content: { 'application/json': { schema } } } } },
});

describe('the OpenAPI document', () => {
  it('each operation has a name of its own, a tag that is described, and declares its errors', async (t) => {
    const { app } = await testApp(t);
    const { paths, tags } = app.swagger() as unknown as { paths: Paths; tags: { name: string }[] };
    const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
    assert.ok(operations.length > 35);
    assert.equal(new Set(operations.map((o) => o.operationId)).size, operations.length);
    for (const { operationId, responses, tags: own } of operations) {
      assert.ok(responses['4XX'] && responses['5XX'], operationId);
      assert.ok(
        own.some((tag) => tags.some(({ name }) => name === tag)),
        `${operationId}: ${own}`,
      );
    }
  });

  it('lists the parameters of the path and no others; one with a default is optional', async (t) => {
    const { app } = await testApp(t);
    const { paths } = app.swagger() as unknown as { paths: Paths };
    for (const [path, methods] of Object.entries(paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters = [] } of Object.values(methods)) {
        const listed = parameters.filter((p) => p.in === 'path').map(({ name }) => name);
        assert.deepEqual(listed.sort(), inPath.sort(), path);
        for (const { schema, required } of parameters) assert.ok(!required || !('default' in schema), path);
      }
    }
    const { parameters = [] } = (paths['/v1/detect'] as Record<string, Operation>)['post'] as Operation;
    assert.deepEqual(
      parameters.filter((p) => p.required),
      [],
    );
  });

  it('replies of the service are named components, and the body of a reload may be absent', async (t) => {
    const { app } = await testApp(t);
    const { paths, components } = app.swagger() as unknown as { paths: Paths; components: { schemas: object } };
    const reply = (path: string, method: string, status = '200') =>
      Object.values(paths[path]?.[method]?.responses[status]?.content ?? {})[0]?.schema;
    const named = (name: string) => ({ $ref: `#/components/schemas/${name}` });
    assert.deepEqual(reply('/v1/detect', 'post'), named('DetectReply'));
    assert.deepEqual(reply('/readyz', 'get', '503'), named('Readiness'));
    assert.deepEqual(reply('/v2/models/{tenant}/infer', 'post'), named('OipInferReply'));
    assert.deepEqual(reply('/v2', 'get', '4XX'), named('OipProblem'));
    assert.deepEqual(reply('/v1/tenants/{tenant}/build/events', 'get'), named('TenantBuildEvent'));
    for (const name of ['Verdict', 'FailedImage', 'Problem', 'TenantDefinition']) assert.ok(name in components.schemas);
    assert.equal(paths['/v1/admin/reload']?.['post']?.requestBody?.required, false);
    assert.equal(paths['/v1/tenants/{tenant}']?.['put']?.requestBody?.required, true);
  });

  it('alternatives that are texts are one enumeration', () => {
    const document = documentOf({ '/a': replying({ title: 'State', anyOf: [{ const: 'a' }, { enum: ['b'] }] }) });
    const { components } = readable(document) as { components: { schemas: object; securitySchemes: object } };
    assert.deepEqual(components, { schemas: { State: { type: 'string', enum: ['a', 'b'] } }, securitySchemes: {} });
  });

  it('two different schemas of the same name are an error, and a property called title is no name', () => {
    const a = replying({ title: 'Thing', type: 'string' });
    assert.throws(
      () => readable(documentOf({ '/a': a, '/b': replying({ title: 'Thing', type: 'number' }) })),
      /title Thing/,
    );
    const properties = { title: { type: 'string' } };
    const { components } = readable(documentOf({ '/a': replying({ type: 'object', properties }) })) as {
      components: { schemas: object };
    };
    assert.deepEqual(components.schemas, {});
  });

  it('a pattern that only JavaScript can read is left out', async (t) => {
    const { app } = await testApp(t);
    assert.doesNotMatch(JSON.stringify(app.swagger()), /"pattern":"[^"]*\\\\[pP]\{/);
  });
});
