// A worker thread that knows nothing but the task under test.

import { serveTasks } from '../../../core/kernels/task.ts';
import { weightErrorTask } from '../../../core/sensitivity/weightErrorTask.ts';

serveTasks({ weightError: weightErrorTask });
