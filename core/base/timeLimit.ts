// Work on this thread that could go on for years, within a time limit: regular expressions of people and files.

import { createContext, Script } from 'node:vm';
import { isObject } from './jsonObject.ts';

const RUN = new Script('work()');

/**
 * What `work` returns, or what `late` throws when it is still at it after `limitMs`. Nothing else could stop it: it blocks
 * the thread that would be asked to.
 */
export function withinTime<T>(limitMs: number, work: () => T, late: (cause: unknown) => never): T {
  try {
    // The context is only the way to a time limit, which V8 enforces inside regular expressions too.
    return RUN.runInContext(createContext({ work }), { timeout: limitMs }) as T; // the script above
  } catch (error) {
    if (isTimeout(error)) late(error);
    throw error;
  }
}

/** The error is one of the context's own class, so no `instanceof`. */
function isTimeout(error: unknown): boolean {
  return isObject(error) && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
