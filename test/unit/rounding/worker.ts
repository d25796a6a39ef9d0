// Worker threads of these tests: running a model, and rounding by what it measured.

import { loadValuesTask } from '../../../core/forward/loadValues.ts';
import { serveTasks } from '../../../core/kernels/task.ts';
import { factorTask } from '../../../core/rounding/factorTask.ts';
import { roundRowsTask } from '../../../core/rounding/roundRowsTask.ts';

serveTasks({ loadValues: loadValuesTask, gptqFactor: factorTask, roundRows: roundRowsTask });
