// What each pickle opcode does. Values are built as inert data; no name is ever looked up, imported or called.

import { MAX_NAME_BYTES } from '../../base/limits.ts';
import { limitName, quoteName } from '../tensorName.ts';
import { MAX_PROTOCOL, OPCODES } from './opcodes.ts';
import type { PickleMachine } from './pickleMachine.ts';
import {
  isDict,
  isGlobal,
  isInstance,
  isSequence,
  isTuple,
  kindOf,
  type PickleGlobal,
  type PickleValue,
} from './pickleValue.ts';
import { parseFloatText, parseRawUnicode, parseRepr } from './pythonText.ts';
import { instanceOf, reconstruct, WORDS_PER_ENTRY } from './reconstruct.ts';

type Action = (machine: PickleMachine) => void;

/** What the first entry adds to a dict, in words of 16 bytes. */
const WORDS_OF_MAP = 12;
/** Arguments of calls that call: functools.partial(os.system, …). */
const INSPECTED_ARGUMENTS = 8;

/** By opcode; everything but STOP. */
export const ACTIONS: readonly (Action | undefined)[] = table([
  // Values
  [OPCODES.NONE, (m) => m.push(null)],
  [OPCODES.NEWTRUE, (m) => m.push(true)],
  [OPCODES.NEWFALSE, (m) => m.push(false)],
  [OPCODES.BININT, (m) => m.push(m.cursor.i32())],
  [OPCODES.BININT1, (m) => m.push(m.cursor.u8())],
  [OPCODES.BININT2, (m) => m.push(m.cursor.u16())],
  [OPCODES.LONG1, (m) => m.make(m.cursor.longInteger(m.cursor.u8()))],
  [OPCODES.LONG4, (m) => m.make(m.cursor.longInteger(m.cursor.signedLength()))],
  [OPCODES.INT, textInteger],
  [OPCODES.LONG, textInteger],
  [OPCODES.BINFLOAT, (m) => m.push(m.cursor.f64())],
  [OPCODES.FLOAT, (m) => m.push(parseFloatText(m.cursor.line()) ?? m.cursor.fail('a number is none'))],
  [OPCODES.BINUNICODE, (m) => m.push(m.cursor.text(m.cursor.u32()))],
  [OPCODES.SHORT_BINUNICODE, (m) => m.push(m.cursor.text(m.cursor.u8()))],
  [OPCODES.BINUNICODE8, (m) => m.push(m.cursor.text(m.cursor.u64()))],
  [OPCODES.UNICODE, (m) => m.push(parseRawUnicode(m.cursor.line()) ?? m.cursor.fail('a text has no such character'))],
  [OPCODES.STRING, (m) => m.make(m.cursor.bytesOrText(parseRepr(m.cursor.line()) ?? m.cursor.fail('no quotes')))],
  [OPCODES.BINSTRING, (m) => m.make(m.cursor.bytesOrText(m.cursor.counted(m.cursor.signedLength())))],
  [OPCODES.SHORT_BINSTRING, (m) => m.make(m.cursor.bytesOrText(m.cursor.counted(m.cursor.u8())))],
  [OPCODES.BINBYTES, (m) => m.make(m.cursor.counted(m.cursor.u32()))],
  [OPCODES.SHORT_BINBYTES, (m) => m.make(m.cursor.counted(m.cursor.u8()))],
  [OPCODES.BINBYTES8, (m) => m.make(m.cursor.counted(m.cursor.u64()))],
  [OPCODES.BYTEARRAY8, (m) => m.make(m.cursor.counted(m.cursor.u64()))],

  // Containers
  [OPCODES.MARK, (m) => m.mark()],
  [OPCODES.EMPTY_TUPLE, (m) => m.make({ kind: 'tuple', items: [] })],
  [OPCODES.TUPLE1, (m) => m.make({ kind: 'tuple', items: m.take(1) })],
  [OPCODES.TUPLE2, (m) => m.make({ kind: 'tuple', items: m.take(2) })],
  [OPCODES.TUPLE3, (m) => m.make({ kind: 'tuple', items: m.take(3) })],
  [OPCODES.TUPLE, (m) => m.make({ kind: 'tuple', items: m.popMark() })],
  [OPCODES.EMPTY_LIST, (m) => m.make({ kind: 'list', items: [] })],
  [OPCODES.LIST, (m) => m.make({ kind: 'list', items: m.popMark() })],
  [OPCODES.APPEND, (m) => append(m, m.take(1))],
  [OPCODES.APPENDS, (m) => append(m, m.popMark())],
  [OPCODES.EMPTY_SET, (m) => m.make({ kind: 'set', items: [] })],
  [OPCODES.FROZENSET, (m) => m.make({ kind: 'set', items: m.popMark() })],
  [OPCODES.ADDITEMS, (m) => append(m, m.popMark())],
  [OPCODES.EMPTY_DICT, (m) => m.make({ kind: 'dict' })],
  [OPCODES.DICT, dict],
  [OPCODES.SETITEM, (m) => setItems(m, m.take(2))],
  [OPCODES.SETITEMS, (m) => setItems(m, m.popMark())],

  // Names, objects, and calls that are never made
  [OPCODES.GLOBAL, (m) => m.push(namedGlobal(m, 'GLOBAL'))],
  [OPCODES.STACK_GLOBAL, stackGlobal],
  [OPCODES.REDUCE, (m) => construct(m, m.take(2), 'REDUCE')],
  [OPCODES.NEWOBJ, (m) => construct(m, m.take(2), 'NEWOBJ')],
  [OPCODES.NEWOBJ_EX, (m) => construct(m, m.take(3), 'NEWOBJ_EX')],
  [OPCODES.OBJ, object],
  [OPCODES.INST, (m) => call(m, namedGlobal(m, 'INST'), m.popMark(), 'INST')],
  [OPCODES.BUILD, build],
  [OPCODES.PERSID, (m) => persistent(m, m.cursor.line().toString('latin1'))],
  [OPCODES.BINPERSID, (m) => persistent(m, m.pop())],
  [OPCODES.EXT1, extension],
  [OPCODES.EXT2, extension],
  [OPCODES.EXT4, extension],

  // Stack and memo
  [OPCODES.POP, (m) => m.drop()],
  [OPCODES.POP_MARK, (m) => void m.popMark()],
  [OPCODES.DUP, (m) => m.push(m.top())],
  [OPCODES.GET, (m) => m.recall(m.cursor.integerLine())],
  [OPCODES.BINGET, (m) => m.recall(m.cursor.u8())],
  [OPCODES.LONG_BINGET, (m) => m.recall(m.cursor.u32())],
  [OPCODES.PUT, (m) => m.remember(m.cursor.integerLine())],
  [OPCODES.BINPUT, (m) => m.remember(m.cursor.u8())],
  [OPCODES.LONG_BINPUT, (m) => m.remember(m.cursor.u32())],
  [OPCODES.MEMOIZE, (m) => m.remember()],

  // The stream itself
  [OPCODES.PROTO, (m) => protocol(m, m.cursor.u8())],
  // A promise of how many bytes follow; the opcodes themselves tell where the pickle ends.
  [OPCODES.FRAME, (m) => m.cursor.need(m.cursor.u64())],
  [OPCODES.NEXT_BUFFER, (m) => m.cursor.fail('takes a buffer from outside, which no file holds')],
  [OPCODES.READONLY_BUFFER, (m) => void m.top()],
]);

function table(actions: readonly (readonly [number, Action])[]): (Action | undefined)[] {
  const byCode: (Action | undefined)[] = new Array(256).fill(undefined);
  for (const [code, action] of actions) byCode[code] = action;
  return byCode;
}

function textInteger(m: PickleMachine): void {
  const { cursor } = m;
  const from = cursor.at;
  const value = cursor.integerLine();
  // I00 and I01 are how protocol 0 spells False and True.
  const isTruth = cursor.bytes[from] === 0x30 && cursor.at === from + 3 && (value === 0 || value === 1);
  m.make(isTruth ? value === 1 : value);
}

function append(m: PickleMachine, items: readonly PickleValue[]): void {
  const target = m.top();
  let list: PickleValue[] | null = null;
  if (isInstance(target)) list = target.items;
  else if (isSequence(target) && target.kind !== 'tuple') list = target.items;
  if (list === null) m.cursor.fail('appends to what is no list');
  // Not push(...items): that would put all of them on the engine's own stack.
  else for (const item of items) list.push(item);
}

function dict(m: PickleMachine): void {
  const items = m.popMark();
  m.make({ kind: 'dict' });
  setItems(m, items);
}

/** @param items key, value, key, value, … */
function setItems(m: PickleMachine, items: readonly PickleValue[]): void {
  const top = m.top();
  const target = isInstance(top) ? top.dict : top;
  if (!isDict(target)) m.cursor.fail('sets items of what is no dict');
  if (items.length % 2 !== 0) m.cursor.fail('sets a key without a value');
  if (items.length === 0) return;
  m.spend((items.length / 2) * WORDS_PER_ENTRY + (target.entries === undefined ? WORDS_OF_MAP : 0));
  target.entries ??= new Map();
  for (let at = 0; at < items.length; at += 2) {
    const key = items[at] as PickleValue;
    const before = target.entries.size;
    target.entries.set(key, items[at + 1] as PickleValue);
    // Python keeps the last one: a reader that keeps the first sees another model.
    if (target.entries.size === before) m.cursor.fail(`the key ${shownKey(key)} is set twice`, 'DUPLICATE_NAME');
  }
}

function shownKey(key: PickleValue): string {
  return typeof key === 'object' && key !== null ? `of kind ${kindOf(key) ?? 'bytes'}` : quoteName(String(key));
}

function namedGlobal(m: PickleMachine, opcode: string): PickleGlobal {
  const module = m.cursor.line();
  const name = m.cursor.line();
  return meet(m, module.toString(), name.toString(), opcode);
}

function stackGlobal(m: PickleMachine): void {
  const [module, name] = m.take(2);
  if (typeof module === 'string' && typeof name === 'string') m.push(meet(m, module, name, 'STACK_GLOBAL'));
  else m.cursor.fail('STACK_GLOBAL needs two texts that name a class or function');
}

function meet(m: PickleMachine, module: string, name: string, opcode: string): PickleGlobal {
  const { cursor, context, opcodeAt } = m;
  limitName(module.length + name.length, MAX_NAME_BYTES, () => `${cursor.place.file}: the name of a class or function`);
  return context.globals.meet(module, name, opcode, opcodeAt, cursor);
}

/** @param parts what to call, its arguments; and for NEWOBJ_EX named arguments, which are left out */
function construct(m: PickleMachine, [callable, args]: readonly PickleValue[], opcode: string): void {
  if (args !== undefined && isTuple(args)) call(m, callable ?? null, args.items, opcode);
  else m.cursor.fail(`${opcode} needs a tuple of arguments`);
}

function object(m: PickleMachine): void {
  const [type, ...args] = m.popMark();
  call(m, type ?? null, args, 'OBJ');
}

function call(m: PickleMachine, callable: PickleValue, args: readonly PickleValue[], opcode: string): void {
  const { cursor, context, opcodeAt } = m;
  for (const named of [callable, ...args.slice(0, INSPECTED_ARGUMENTS)]) {
    if (isGlobal(named)) context.globals.called(named, opcode, opcodeAt, cursor);
  }
  m.make(isGlobal(callable) ? reconstruct(callable, args, m.spend) : instanceOf('the result of a call', [callable]));
}

/** Attributes: kept for objects, without meaning for everything that is rebuilt already. */
function build(m: PickleMachine): void {
  const state = m.pop();
  const target = m.top();
  if (typeof target !== 'object' || target === null) m.cursor.fail('sets attributes of what is no object');
  else if (isInstance(target)) target.states.push(state);
}

function persistent(m: PickleMachine, id: PickleValue): void {
  m.make(m.context.persistent(id, (fact) => m.cursor.fail(fact)));
}

function extension(m: PickleMachine): void {
  m.cursor.fail('refers to a registry of extensions, which no file holds');
}

function protocol(m: PickleMachine, version: number): void {
  if (version <= MAX_PROTOCOL) return;
  m.cursor.fail(`pickle protocol ${version}, the newest known is ${MAX_PROTOCOL}`, 'VERSION_UNSUPPORTED');
}
