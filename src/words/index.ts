/** The word list from which negative labels are mined, and which of its words are related to a class name. */
export { ADJECTIVE_TEMPLATE, DEFAULT_WORDS, describeWordList, loadWordList, type WordList } from './list.ts';
export { type Relations, relations } from './related.ts';
export { repeats } from './tokens.ts';
