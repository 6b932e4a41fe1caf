import { type Static, Type } from 'typebox';
import type { DayReport } from '../../looks/index.ts';

export const LooksLikeReply = Type.Object(
  {
    tenant: Type.String(),
    tenant_version: Type.Integer({ description: 'The version in service, whose refused images are counted.' }),
    counted: Type.Boolean({ description: 'Whether this version counts them: `"looks_like": true` in its negatives.' }),
    days: Type.Array(
      Type.Object(
        {
          day: Type.String({ description: 'Date in UTC.' }),
          refused: Type.Integer({ description: "Images that were refused by the tenant's rule." }),
          looked_at: Type.Integer({ description: 'Those of them whose words were looked for.' }),
          no_word: Type.Integer({ description: 'Those of them that look like no word in particular.' }),
          words: Type.Array(
            Type.Object(
              {
                word: Type.String(),
                images: Type.Integer({ description: 'Images that look most like this word, at most.' }),
                at_least: Type.Integer({ description: 'The same, at least: fewer than `images` if many words occur.' }),
              },
              { title: 'LooksLikeCount' },
            ),
            { description: 'The nearest words of the others, commonest first, at most 20.' },
          ),
        },
        { title: 'LooksLikeDay' },
      ),
      { description: 'This day and the one before, newest first; a day without refused images is left out.' },
    ),
  },
  { title: 'LooksLikeReport' },
);
export type LooksLikeReply = Static<typeof LooksLikeReply>;

export const toLooksLikeDays = (days: readonly DayReport[]): LooksLikeReply['days'] =>
  days.map(({ day, refused, lookedAt, noWord, words }) => ({
    day,
    refused,
    looked_at: lookedAt,
    no_word: noWord,
    words: words.map(({ item, count, error }) => ({ word: item, images: count, at_least: count - error })),
  }));
