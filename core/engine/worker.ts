// Worker thread entry: the table of tasks the pool may ask for.

import { serveTasks } from '../kernels/task.ts';

serveTasks({});
