import { render } from 'preact';
import { watchReadiness } from './api/readiness.ts';
import { removeOld, removeOnLeave } from './playground/scratch.ts';
import { forgetSubject } from './playground/subject.ts';
import { Shell } from './shell.tsx';

render(<Shell />, document.getElementById('app') as HTMLElement);
void watchReadiness();
removeOnLeave(forgetSubject);
void removeOld();
