// `--import tsx` registers in the main thread alone; threads of a lane need it too
import { register } from 'tsx/esm/api';

register();
