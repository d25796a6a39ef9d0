// A worker thread with the statistics tasks only.

import { serveTasks } from '../../../core/kernels/task.ts';
import { channelTask } from '../../../core/stats/channel.ts';
import { statisticsLookTask, statisticsPartTask, statisticsTask } from '../../../core/stats/statisticsTasks.ts';
import { tileTask } from '../../../core/stats/tile.ts';

serveTasks({
  statistics: statisticsTask,
  statisticsPart: statisticsPartTask,
  statisticsLook: statisticsLookTask,
  tile: tileTask,
  channel: channelTask,
});
