// Worker thread entry: the table of tasks the pool may ask for.

import { encodeTensor } from '../export/encodeTensor.ts';
import { compareTensor } from '../export/verify/compareTensor.ts';
import { serveTasks } from '../kernels/task.ts';
import { weightErrorTask } from '../sensitivity/weightErrorTask.ts';

serveTasks({
  encodeTensor,
  compareTensor,
  weightError: weightErrorTask,
});
