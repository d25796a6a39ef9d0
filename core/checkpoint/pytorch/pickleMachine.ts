// The state of a running pickle: stack, marks, memo, and how much of its bounds is used up.

import { MAX_PICKLE_MEMO, MAX_PICKLE_STACK, MAX_PICKLE_WORDS } from '../../base/limits.ts';
import type { GlobalLog } from './globalLog.ts';
import type { PickleCursor, PicklePlace } from './pickleCursor.ts';
import type { PickleValue } from './pickleValue.ts';

/** What a container gives the pickles it holds. */
export interface PickleContext {
  readonly place: PicklePlace;
  readonly globals: GlobalLog;
  /** What a persistent id stands for: a storage, a tensor, a class. */
  readonly persistent: (id: PickleValue, fail: (fact: string) => never) => PickleValue;
}

/** Words of 16 bytes a container takes. */
const WORDS_PER_OBJECT = 4;

export class PickleMachine {
  readonly cursor: PickleCursor;
  readonly context: PickleContext;
  /** Offset of the current opcode. */
  opcodeAt = 0;
  readonly #stack: PickleValue[] = [];
  /** Lengths of the stack where MARK was met. */
  readonly #marks: number[] = [];
  /** Nothing below may be popped: the length at the last mark. */
  #floor = 0;
  /** Picklers number what they remember from 0 on … */
  readonly #memo: PickleValue[] = [];
  /** … unless something was taken out in between. */
  readonly #sparseMemo = new Map<number, PickleValue>();
  #words = 0;

  constructor(cursor: PickleCursor, context: PickleContext) {
    this.cursor = cursor;
    this.context = context;
  }

  /** Puts a value on the stack that takes no memory of its own. */
  push(value: PickleValue): void {
    if (this.#stack.length === MAX_PICKLE_STACK) this.#full(MAX_PICKLE_STACK, 'wait on the stack');
    this.#stack.push(value);
  }

  /** Puts a new object on the stack. */
  make(value: PickleValue): void {
    this.spend(WORDS_PER_OBJECT);
    this.push(value);
  }

  top(): PickleValue {
    if (this.#stack.length <= this.#floor) this.#underflow();
    return this.#stack[this.#stack.length - 1] as PickleValue;
  }

  pop(): PickleValue {
    if (this.#stack.length <= this.#floor) this.#underflow();
    return this.#stack.pop() as PickleValue;
  }

  /** The last `count` values, in the order they were pushed. */
  take(count: number): PickleValue[] {
    const from = this.#stack.length - count;
    if (from < this.#floor) this.#underflow();
    return this.#cut(from);
  }

  mark(): void {
    if (this.#marks.length === MAX_PICKLE_STACK) this.#full(MAX_PICKLE_STACK, 'are marked');
    this.#marks.push(this.#stack.length);
    this.#floor = this.#stack.length;
  }

  /** Everything pushed since the last mark, which is removed. */
  popMark(): PickleValue[] {
    const from = this.#marks.pop();
    if (from === undefined) return this.cursor.fail('goes back to a mark that is not there');
    this.#floor = this.#marks.at(-1) ?? 0;
    return this.#cut(from);
  }

  /** As Python does it: a value, or a mark that lies on top. */
  drop(): void {
    if (this.#stack.length > this.#floor) this.#stack.pop();
    else this.popMark();
  }

  recall(index: number | bigint): void {
    const at = Number(index);
    const value = at < this.#memo.length ? this.#memo[at] : this.#sparseMemo.get(at);
    if (value === undefined) this.cursor.fail(`takes value ${index} from the memo, which does not hold it`);
    else this.push(value);
  }

  /** @param index as many as are remembered when left out */
  remember(index: number | bigint = this.#memo.length + this.#sparseMemo.size): void {
    const at = Number(index);
    const value = this.top();
    if (at >= 0 && at < this.#memo.length) this.#memo[at] = value;
    else {
      if (this.#memo.length + this.#sparseMemo.size >= MAX_PICKLE_MEMO) this.#full(MAX_PICKLE_MEMO, 'are in the memo');
      if (at !== this.#memo.length) this.#sparseMemo.set(at, value);
      else {
        this.#memo.push(value);
        this.#sparseMemo.delete(at);
      }
    }
  }

  /** Accounts for memory, in words of 16 bytes. @throws COUNT_LIMIT */
  readonly spend = (words: number): void => {
    this.#words += words;
    if (this.#words <= MAX_PICKLE_WORDS) return;
    this.cursor.fail(`the values take more than ${MAX_PICKLE_WORDS} words of 16 bytes`, 'COUNT_LIMIT');
  };

  #cut(from: number): PickleValue[] {
    const items = this.#stack.slice(from);
    this.#stack.length = from;
    this.spend(items.length);
    return items;
  }

  #underflow(): never {
    return this.cursor.fail('takes more from the stack than there is');
  }

  #full(limit: number, where: string): never {
    return this.cursor.fail(`more than ${limit} values ${where}`, 'COUNT_LIMIT');
  }
}
