import { Type } from 'typebox';

/** RFC 9457 problem document, for the OpenAPI description. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; what programs should look at.' }),
    detail: Type.String({ description: 'What happened and what to do, for people.' }),
    instance: Type.Optional(Type.String({ description: 'Id of the request, as in the log and in X-Request-Id.' })),
    retry_after: Type.Optional(Type.Number({ description: 'Seconds, as in Retry-After.' })),
  },
  { additionalProperties: true },
);

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: Problem } },
});

/** Any error of any operation: the `code` says which. */
export const ProblemResponses = {
  '4xx': problem('Something about the request; `code` says what.'),
  '5xx': problem('Something about the service; `code` says what, and Retry-After when to come back.'),
};
