// The first score: how far each type moves the weights, seen without any data.

import { scanSensitivity } from './scan.ts';
import type { Score } from './score.ts';

export const weightError: Score = {
  id: 'weightError',
  name: 'Relative weight error',
  formula: '‖W − Ŵ‖² / ‖W‖²',
  run: scanSensitivity,
};
