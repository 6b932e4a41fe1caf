import { render } from 'preact';
import { watchReadiness } from './api/readiness.ts';
import { removeOld, removeOnLeave } from './playground/scratch.ts';
import { forgetSubject } from './playground/subject.ts';
import { fetchOtherPages, Shell } from './shell.tsx';

render(<Shell />, document.getElementById('app') as HTMLElement);
void watchReadiness();
removeOnLeave(forgetSubject);
void removeOld();
// deferred until the first page is painted
setTimeout(fetchOtherPages, 1000);
