// Worker threads of these tests: only what running a model needs.

import { loadValuesTask } from '../../../core/forward/loadValues.ts';
import { serveTasks } from '../../../core/kernels/task.ts';

serveTasks({ loadValues: loadValuesTask });
