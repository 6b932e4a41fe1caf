import { type Static, Type } from 'typebox';

const Version = Type.Union([Type.Integer(), Type.Null()]);

/** One change: its author, its kind, its target and its time. */
export const AuditEntry = Type.Object(
  {
    at: Type.String({ description: 'Time of the change, RFC 3339.' }),
    actor: Type.Object(
      {
        kind: Type.Union([
          Type.Literal('key'),
          Type.Literal('anonymous'),
          Type.Literal('cli'),
          Type.Literal('service'),
        ]),
        id: Type.String({ description: 'Id of the API key; the user of the operating system for cli.' }),
        name: Type.String(),
      },
      {
        title: 'Actor',
        description:
          'The actor: an API key, an anonymous client if no keys are required, the command line, or the service itself.',
      },
    ),
    action: Type.String({ description: 'The change: tenant.put, tenant.delete, key.create, key.revoke, ...' }),
    target: Type.String({ description: 'Id of the tenant or key.' }),
    before: Type.Union([Version], { description: 'Version before the change; null if there was none.' }),
    after: Type.Union([Version], { description: 'Version after the change; null if there is none.' }),
    request_id: Type.Union([Type.String(), Type.Null()], { description: 'As in the log and in X-Request-Id.' }),
    details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { title: 'AuditEntry' },
);
export type AuditEntry = Static<typeof AuditEntry>;
export type Actor = AuditEntry['actor'];

export interface AuditQuery {
  limit: number;
  /** `next` of the previous page. */
  before?: string | undefined;
  target?: string | undefined;
}

export interface AuditPage {
  /** Newest first. */
  entries: AuditEntry[];
  /** Null on the last page. */
  next: string | null;
}

/** An append-only log of all changes. When `append` resolves, the entry survives a crash of process or machine. */
export interface AuditLog {
  append(entry: AuditEntry): Promise<void>;
  /** Rejects with invalid_request where `before` is not a `next` that this log has returned. */
  read(query: AuditQuery): Promise<AuditPage>;
}
