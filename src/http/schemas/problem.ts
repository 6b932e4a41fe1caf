import { Type } from 'typebox';

/** RFC 9457 problem document, for the OpenAPI description. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable code for programs.' }),
    detail: Type.String({ description: 'The fault and its remedy, for people.' }),
    instance: Type.Optional(Type.String({ description: 'Id of the request, as in the log and in X-Request-Id.' })),
    retry_after: Type.Optional(Type.Number({ description: 'Seconds, as in Retry-After.' })),
  },
  { title: 'Problem', additionalProperties: true, description: 'An error, by RFC 9457.' },
);

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: Problem } },
});

/** Any error of any operation: the `code` says which. */
export const ProblemResponses = {
  '4xx': problem('A fault of the request; `code` identifies it.'),
  '5xx': problem('A fault of the service; `code` identifies it, and Retry-After gives the time of a retry.'),
};
