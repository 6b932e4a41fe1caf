/** The thread that mines negative labels: it holds the features of all words, and compares classes with them. */
import { parentPort, workerData } from 'node:worker_threads';
import { serializeError } from '../../errors/index.ts';
import { NICENESS, setNiceness } from '../../niceness.ts';
import { loadWordList, relations } from '../../words/index.ts';
import { WordMatrix } from '../../words/word-matrix.ts';
import type { FromMiner, Mined, MinerData, ToMiner } from './miner.ts';
import { minedLabels } from './mining.ts';

const port = parentPort as NonNullable<typeof parentPort>;
const { folder, count, width } = workerData as MinerData;
const matrix = new WordMatrix(count, width);
const related = loadWordList(new URL(folder)).then(relations);
// a mining that waits for it gets the error
related.catch(() => {});

async function mined({ classes, names, minings }: Extract<ToMiner, { kind: 'mine' }>): Promise<Mined> {
  const { related: relatedTo, same } = await related;
  const excluded = new Set(names.flatMap(relatedTo));
  const chosen = minings.map((mining) => minedLabels(matrix, classes, mining, excluded));
  return { chosen, named: Uint32Array.from(new Set(names.flatMap(same))).sort() };
}

setNiceness(NICENESS.texts);
port.on('message', async (message: ToMiner) => {
  if (message.kind === 'rows') {
    matrix.set(message.from, message.rows);
    return;
  }
  let answer: FromMiner;
  try {
    answer = { kind: 'mined', ...(await mined(message)) };
  } catch (error) {
    answer = { kind: 'failed', error: serializeError(error) };
  }
  port.postMessage(answer);
});
