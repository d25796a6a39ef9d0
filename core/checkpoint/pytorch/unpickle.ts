// Interprets one pickle, from its first opcode to STOP.

import { MAX_PICKLE_OPCODES } from '../../base/limits.ts';
import { OPCODES } from './opcodes.ts';
import { ACTIONS } from './pickleActions.ts';
import { PickleCursor } from './pickleCursor.ts';
import { type PickleContext, PickleMachine } from './pickleMachine.ts';
import type { PickleValue } from './pickleValue.ts';

export interface Unpickled {
  readonly value: PickleValue;
  /** The byte after the STOP opcode, counted in the bytes given. */
  readonly end: number;
}

/**
 * @param begin of the pickle in `bytes`
 * @throws HEADER_INVALID, VERSION_UNSUPPORTED, NAME_INVALID, DUPLICATE_NAME, COUNT_LIMIT, HEADER_TOO_LARGE;
 *   PickleEndMissing when `bytes` end before the pickle does
 */
export function unpickle(bytes: Uint8Array, begin: number, context: PickleContext): Unpickled {
  const cursor: PickleCursor = new PickleCursor(bytes, begin, context.place);
  const machine = new PickleMachine(cursor, context);
  for (let count = 0; count < MAX_PICKLE_OPCODES; count++) {
    machine.opcodeAt = cursor.at;
    const opcode = cursor.u8();
    if (opcode === OPCODES.STOP) return { value: machine.pop(), end: cursor.at };
    const action = ACTIONS[opcode];
    if (action === undefined) cursor.fail(`no opcode has the code 0x${opcode.toString(16).padStart(2, '0')}`);
    else action(machine);
  }
  return cursor.fail(`more than ${MAX_PICKLE_OPCODES} opcodes`, 'COUNT_LIMIT');
}
