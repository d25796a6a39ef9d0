// Batches in pieces that fit into memory: halved whenever one does not.

import { isQuantscopeError, QuantscopeError } from '../base/errors.ts';

export class Pieces {
  #largest = Number.POSITIVE_INFINITY;

  /**
   * Runs `count` sequences from `first` on, in order, in pieces of a size that worked before.
   * @param where names what ran, for the message
   * @throws MEMORY_LIMIT when a single sequence does not fit, and what `run` throws
   */
  async run(
    first: number,
    count: number,
    where: string,
    run: (first: number, count: number) => Promise<void>,
  ): Promise<void> {
    for (let done = 0; done < count; ) {
      const piece = Math.min(count - done, this.#largest);
      try {
        await run(first + done, piece);
        done += piece;
      } catch (error) {
        if (!isQuantscopeError(error) || error.code !== 'MEMORY_LIMIT') throw error;
        if (piece === 1)
          throw new QuantscopeError(
            'MEMORY_LIMIT',
            `${where}: one sequence does not fit into memory; use a shorter context (${error.message})`,
            { cause: error },
          );
        this.#largest = Math.ceil(piece / 2);
      }
    }
  }
}
