// Reads the columns of every tensor of an importance matrix, a few at a time, for the share of its energy few columns hold.

import { topShare } from '../charts/topShare.ts';
import type { HostClient } from './hostClient.ts';
import { failureOf, isCancelled } from './hostFailure.ts';
import type { SessionState } from './sessionState.ts';
import type { Store } from './store.ts';

/** The share of columns looked at. */
export const TOP_COLUMNS = 0.01;
const AT_ONCE = 4;

export interface EnergyReader {
  /** Fills `energy` of the session's state. */
  read(): Promise<void>;
  cancel(): void;
}

/** @param moved  called whenever figures were added */
export function createEnergyReader(client: HostClient, state: Store<SessionState>, moved: () => void): EnergyReader {
  let running: AbortController | null = null;

  async function read(): Promise<void> {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    const { summary, energy } = state.get();
    if (summary === null) return;
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < energy.length && !mine.signal.aborted) {
        const tensor = next++;
        const { columnAbsMax } = await client.call('profile', { model: summary.model, tensor }, mine.signal);
        energy[tensor] = topShare(columnAbsMax, TOP_COLUMNS);
        moved();
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    } catch (error) {
      mine.abort();
      const failure = failureOf(error);
      if (!isCancelled(failure)) state.set({ notice: `${failure.code}: ${failure.message}` });
    }
  }

  return { read, cancel: () => running?.abort() };
}
