export * from './files.js';
export * from './gate.js';
export * from './generated/index.js';
export * from './retry.js';
