import type { ServerResponse } from 'node:http';
import { linger } from '../linger.ts';
import type { FailCause, TemplateConfig } from './config/schema.ts';

/** Status of the gate's own answers, if their template has none. */
const FAIL_STATUS: Record<FailCause, number> = {
  unexamined: 422,
  engine_down: 503,
  overloaded: 503,
  deadline: 503,
  undecodable: 422,
  no_image: 400,
  too_large: 413,
  no_tenant: 503,
  uncalibrated: 503,
};

export type Values = Record<string, string | number | boolean | readonly (string | number)[] | undefined>;

function escaper(contentType: string): (text: string) => string {
  if (/[/+]json\b/i.test(contentType)) return (text) => JSON.stringify(text).slice(1, -1);
  if (/html|xml/i.test(contentType)) return (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  return (text) => text;
}

/** Replaces `{{name}}` by its value, escaped for the content type. Lists become JSON; unknown names stay. */
export function render(template: string, contentType: string, values: Values): string {
  const escaped = escaper(contentType);
  return template.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name: string) => {
    if (!Object.hasOwn(values, name)) return whole;
    const value = values[name];
    return Array.isArray(value) ? JSON.stringify(value) : escaped(String(value ?? ''));
  });
}

type Template = Omit<Required<TemplateConfig>, 'status'> & { status?: number };

export function statusOf({ status }: Template, cause?: FailCause): number {
  return status ?? (cause ? FAIL_STATUS[cause] : 503);
}

/** Sends an answer of the gate instead of the upstream's. */
export function respond(
  response: ServerResponse,
  template: Template,
  status: number,
  values: Values,
  headers: [string, string][],
): void {
  const body = Buffer.from(render(template.body, template.content_type, { ...values, status }));
  send(
    response,
    status,
    [['content-type', template.content_type], ...Object.entries(template.headers), ...headers],
    body,
  );
}

/** Sends an answer; it closes the connection of a request that was not read to its end, whose rest is dropped. */
export function send(response: ServerResponse, status: number, headers: [string, string][], body: Buffer): void {
  const { req: request } = response;
  const unread = !request.complete;
  if (unread) linger(request);
  response.writeHead(status, [
    ...headers.flat(),
    'content-length',
    String(body.length),
    ...(unread ? ['connection', 'close'] : []),
  ]);
  response.end(body);
}

/** Sends a problem document of the gate (RFC 9457). */
export function problem(
  response: ServerResponse,
  {
    status,
    code,
    title,
    detail,
    requestId,
  }: { status: number; code: string; title: string; detail: string; requestId?: string },
): void {
  const document = { type: `urn:clipn-gate:problem:${code}`, title, status, code, detail, instance: requestId };
  send(response, status, [['content-type', 'application/problem+json']], Buffer.from(JSON.stringify(document)));
}
