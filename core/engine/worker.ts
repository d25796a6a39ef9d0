// Worker thread entry: the table of tasks the pool may ask for.

import { encodeTensor } from '../export/encodeTensor.ts';
import { compareTensor } from '../export/verify/compareTensor.ts';
import { loadValuesTask } from '../forward/loadValues.ts';
import { serveTasks } from '../kernels/task.ts';
import { factorTask } from '../rounding/factorTask.ts';
import { roundRowsTask } from '../rounding/roundRowsTask.ts';
import { roundTripTask } from '../sensitivity/roundTripTask.ts';
import { weightErrorTask } from '../sensitivity/weightErrorTask.ts';
import { channelTask } from '../stats/channel.ts';
import { statisticsLookTask, statisticsPartTask, statisticsTask } from '../stats/statisticsTasks.ts';
import { tileTask } from '../stats/tile.ts';

serveTasks({
  encodeTensor,
  compareTensor,
  weightError: weightErrorTask,
  statistics: statisticsTask,
  statisticsPart: statisticsPartTask,
  statisticsLook: statisticsLookTask,
  tile: tileTask,
  channel: channelTask,
  loadValues: loadValuesTask,
  roundTrip: roundTripTask,
  gptqFactor: factorTask,
  roundRows: roundRowsTask,
});
