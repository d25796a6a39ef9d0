// The pickle machine: every protocol, hostile graphs in bounded time, and what it says of code it never runs.

import { describe, expect, test } from 'vitest';
import { GlobalLog } from '../../../core/checkpoint/pytorch/globalLog.ts';
import { isDict, isSequence, type PickleValue } from '../../../core/checkpoint/pytorch/pickleValue.ts';
import { unpickle } from '../../../core/checkpoint/pytorch/unpickle.ts';
import { PYTHON_PICKLES } from '../../fixtures/golden/pickles.ts';
import {
  call,
  dict,
  global,
  integer,
  list,
  none,
  ops,
  pickle,
  text,
  torchZip,
  tuple,
  vector,
} from '../../fixtures/writePickle.ts';
import { bytesOf, counting, open } from './pytorchRead.ts';

function run(bytes: Uint8Array): { value: PickleValue; globals: GlobalLog } {
  const globals = new GlobalLog();
  const persistent = (id: PickleValue): PickleValue => id;
  return {
    value: unpickle(bytes, 0, { place: { file: 'x.pt', entry: null, base: 0 }, globals, persistent }).value,
    globals,
  };
}

/** Plain JavaScript in place of pickle values. */
function plain(value: PickleValue): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (isDict(value))
    return Object.fromEntries([...(value.entries ?? [])].map(([key, item]) => [String(key), plain(item)]));
  if (isSequence(value)) return value.items.map(plain);
  return value;
}

describe('values', () => {
  test.each([0, 1, 2, 3, 4, 5])('protocol %i, as Python writes it', (protocol) => {
    const { value, globals } = run(Buffer.from(PYTHON_PICKLES[protocol] ?? '', 'base64'));
    expect(plain(value)).toEqual({
      one: 1,
      negative: -70000,
      large: 2n ** 70n,
      float: -1.5,
      infinite: Number.POSITIVE_INFINITY,
      text: 'é 🤗 \n\\u',
      long: 'x'.repeat(300),
      yes: true,
      no: false,
      nothing: null,
      list: [1, [2, 3]],
      tuple: [1, 2, 3, 4],
      pair: [1, 2],
      bytes: [0, 255],
      nested: { key: [], 5: 'five' },
      set: [7],
      same: [1, [2, 3]],
    });
    expect(globals.warnings('x.pt')).toEqual([]);
  });

  test.each([
    ['strings of Python 2', ops("S'a\\\\b\\x41\\n'\n"), 'a\\bA\n'],
    ['short strings of Python 2', ops('U', 2, 'hi'), 'hi'],
    ['bytes that are no text', ops('U', 2, 0xff, 0xfe), [255, 254]],
    ['raw unicode', ops('V\\u00e9\\U0001f917\n'), 'é🤗'],
    ['truths of protocol 0', tuple(ops('I01\n'), ops('I00\n'), ops('I1\n')), [true, false, 1]],
    ['negative LONG1', ops(0x8a, 1, 0x80), -128],
    ['LONG1 of no bytes', ops(0x8a, 0), 0],
    ['LONG4', ops(0x8b, 2, 0, 0, 0, 0xff, 0x7f), 32767],
    ['big-endian floats', ops('G', Buffer.from('c004000000000000', 'hex')), -2.5],
    ['floats of protocol 0', tuple(ops('F-1.5e3\n'), ops('Fnan\n')), [-1500, Number.NaN]],
    ['DUP, POP and POP_MARK', ops('K', 5, '2', '0', '(NN1'), 5],
    ['POP of a mark', ops('K', 5, '(0'), 5],
    ['DICT and LIST', ops('(', text('a'), '(K', 1, 'ld'), { a: [1] }],
    ['FROZENSET and ADDITEMS', ops(0x8f, '((K', 1, 0x91, 0x90), [[1]]],
    ['MEMOIZE counts on', ops('K', 1, 0x94, 'K', 2, 0x94, 'h', 0, 'h', 1, 0x86, 0x94, 'h', 2), [1, 2]],
    ['FRAME', ops(0x95, 1, 0, 0, 0, 0, 0, 0, 0, 'N'), null],
  ])('%s', (_, bytes, expected) => {
    expect(plain(run(pickle(bytes)).value)).toEqual(expected);
  });
});

describe('hostile graphs', () => {
  test('containers that hold themselves', async () => {
    const cyclic = ops(']q', 1, vector('0', 2), 'ah', 1, 'a');
    const { tensors, metadata } = await open(torchZip(dict({ a: cyclic }), { 0: bytesOf(counting(2)) }));
    expect(tensors.map(({ name }) => name)).toEqual(['a.0']);
    expect(metadata.tied).toBeUndefined();
  });

  test('a billion laughs', async () => {
    const start = performance.now();
    let laughs = ops(list(none), 'q', 0);
    for (let level = 1; level < 200; level++) {
      laughs = ops(laughs, `0](${`h${String.fromCharCode(level - 1)}`.repeat(10)}e`, 'q', level);
    }
    const { tensors } = await open(torchZip(dict({ laughs, w: vector('0', 2) }), { 0: bytesOf(counting(2)) }));
    expect(tensors.map(({ name }) => name)).toEqual(['w']);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  // Every one of so many containers leads to the same long one: 10⁹ steps for a reader that forgets where it was.
  const MANY = 10_000;
  const longList = ops(']q', 0, '(', Buffer.alloc(100_000, ')'), 'e');
  test.each([
    ['lists', ops('(', Buffer.from('](h\0e'.repeat(MANY), 'latin1'), 'l')],
    ['keys of the root', ops('}(', ...Array.from({ length: MANY }, (_, at) => ops(integer(at), 'h', 0)), 'u')],
    [
      'sets made of it',
      ops(global('builtins.set'), 'q', 1, '0(', Buffer.from('h\x01h\0\x85R'.repeat(MANY), 'latin1'), 'l'),
    ],
    ['attributes', ops(global('a.B'), 'q', 1, '0(', Buffer.from('h\x01)\x81h\0b'.repeat(MANY), 'latin1'), 'l')],
    [
      'attributes of one object',
      ops(
        '(',
        global('a.B'),
        ')',
        0x81,
        'q',
        1,
        Buffer.from('h\0b'.repeat(MANY), 'latin1'),
        Buffer.from('h\x01'.repeat(MANY), 'latin1'),
        'l',
      ),
    ],
    [
      'arguments',
      ops(
        global('a.B'),
        'q',
        1,
        '0h',
        0,
        '0(',
        Buffer.alloc(100_000, ')'),
        'tq',
        2,
        '0(',
        Buffer.from('h\x01h\x02R'.repeat(MANY), 'latin1'),
        'l',
      ),
    ],
  ])('one long list met again and again: %s', async (_, value) => {
    const start = process.cpuUsage();
    const root = ops(longList, '0', value);
    const { tensors } = await open(torchZip(dict({ root, w: vector('0', 2) }), { 0: bytesOf(counting(2)) }));
    expect(tensors.map(({ name }) => name)).toEqual(['w']);
    const bare = await open(torchZip(root, {}));
    expect(bare.tensors).toEqual([]);
    // Of the processor, not of the clock: other tests run beside this one.
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(4000);
  });

  test('calls that would copy one long list again and again', () => {
    const long = ops(']q', 0, '0h', 0, '(', Buffer.alloc(100_000, 'N'), 'e');
    const calls = ops('(', ...Array(20_000).fill(ops(global('collections.OrderedDict'), 'h', 0, 0x85, 'R')), 't');
    expect(() => run(pickle(ops(long, '0', calls)))).toThrow(/words of 16 bytes/);
  });
});

describe('code that would run', () => {
  const warningsOf = async (root: Uint8Array) => (await open(torchZip(root, {}))).warnings;

  test.each([
    [
      'REDUCE',
      call('posix.system', text('true')),
      /posix\.system, which runs programs, when loaded by Python \(opcode REDUCE at byte 27 of model\/data\.pkl, named by GLOBAL at byte 2 of model\/data\.pkl\)/,
    ],
    [
      'INST',
      ops('(', text('true'), 'ios\nsystem\n'),
      /would run os\.system.*INST at byte 12 of .*, named by INST at byte 12/,
    ],
    ['OBJ', ops('(', global('subprocess.Popen'), text('true'), 'o'), /would run subprocess\.Popen.*OBJ/],
    ['NEWOBJ', ops(global('subprocess.Popen'), tuple(text('true')), 0x81), /would run subprocess\.Popen.*NEWOBJ/],
    ['NEWOBJ_EX', ops(global('subprocess.Popen'), tuple(), '}', 0x92), /would run subprocess\.Popen.*NEWOBJ_EX/],
    [
      'STACK_GLOBAL',
      ops(text('builtins'), text('eval'), 0x93, tuple(text('1')), 'R'),
      /would run builtins\.eval, which runs Python code.*STACK_GLOBAL/,
    ],
    [
      'STACK_GLOBAL from the memo',
      ops(text('nt'), 'q', 1, '0', text('system'), 'q', 2, '0h', 1, 'h', 2, 0x93, tuple(), 'R'),
      /would run nt\.system/,
    ],
    ['names of Python 2', call('__builtin__.execfile', text('x')), /would run __builtin__\.execfile/],
    [
      'attributes of harmless modules',
      ops(text('torch.serialization'), text('os.system'), 0x93, tuple(), 'R'),
      /would run torch\.serialization\.os\.system/,
    ],
    ['modules of modules', global('torch.serialization.os'), /names torch\.serialization\.os, which runs programs/],
    [
      'private attributes',
      ops(text('torch'), text('Tensor.__init__.__globals__'), 0x93),
      /names torch\.Tensor\.__init__\.__globals__/,
    ],
    [
      'a function handed to another',
      call('functools.partial', global('os.system'), text('true')),
      /would run os\.system/,
    ],
    ['torch.load', call('torch.load', text('other.pt')), /would run torch\.load, which loads further pickles/],
    ['submodules', call('importlib.util.find_spec', text('x')), /would run importlib\.util\.find_spec/],
    [
      'merely named',
      global('os.system'),
      /names os\.system, which runs programs \(opcode GLOBAL at byte 2 of model\/data\.pkl\).*nothing was run here/,
    ],
  ])('%s', async (_, root, expected) => {
    expect((await warningsOf(root)).join('\n')).toMatch(expected);
  });

  test('every global is listed; harmless ones are not warned of', async () => {
    const root = tuple(
      call('collections.OrderedDict'),
      call('torch.device', text('cpu')),
      call('numpy.core.multiarray.scalar', none),
      ops(global('torch.nn.modules.linear.Linear'), ')', 0x81),
      call('builtins.set', list(integer(1))),
    );
    const { metadata, warnings } = await open(torchZip(root, {}));
    expect(warnings).toEqual([]);
    expect(metadata.globals).toEqual([
      'builtins.set',
      'collections.OrderedDict',
      'numpy.core.multiarray.scalar',
      'torch.device',
      'torch.nn.modules.linear.Linear',
    ]);
  });

  test('unknown classes share one warning', async () => {
    const warnings = await warningsOf(tuple(call('argparse.Namespace'), call('mylib.Config'), call('mylib.Config')));
    expect(warnings.length).toBe(1);
    expect(warnings[0]).toContain('objects of argparse.Namespace, mylib.Config are kept as inert data');
  });

  test('a pickle that breaks off after an attack still tells of it', async () => {
    const root = ops(call('os.system', text('true')), 0xff);
    await expect(open(torchZip(root, {}))).rejects.toMatchObject({
      code: 'HEADER_INVALID',
      message: expect.stringMatching(/no opcode has the code 0xff.*before that, it would run os\.system/),
    });
  });

  test('plain pickles of old protocols are looked at as well', async () => {
    for (const bytes of [
      ops("cos\nsystem\n(S'true'\ntR."),
      ops("(S'true'\nios\nsystem\n."),
      pickle(call('os.system', text('true')), 4),
    ]) {
      const { warnings, tensors } = await open(bytes, 'bin').catch((error) => ({
        warnings: [String(error)],
        tensors: [],
      }));
      expect(tensors).toEqual([]);
      expect(warnings.join()).toContain('os.system');
    }
  });
});
