// What the engine is doing for this view right now, beside the lenses: nothing moves when it starts or ends.

import type { ReactNode } from 'react';
import { TaskBar } from '../ui/states.tsx';
import { useModel, useSession } from './context.ts';

const TITLES = {
  statistics: 'Measuring statistics',
  sensitivity: 'Estimating sensitivity',
  calibration: 'Calibrating',
  score: 'Measuring sensitivity',
  measure: 'Measuring plans',
} as const;
const NAMES = Object.keys(TITLES) as (keyof typeof TITLES)[];

export function RunningTasks(): ReactNode {
  const session = useSession();
  const tasks = useModel((s) => s.tasks);
  const name = NAMES.find((task) => tasks[task].status === 'running');
  if (name === undefined) return null;
  return (
    <TaskBar task={tasks[name]} title={TITLES[name]} testId={`task-${name}`} onCancel={() => session.cancel(name)} />
  );
}
