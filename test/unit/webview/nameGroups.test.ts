import { describe, expect, it } from 'vitest';
import { groupByName, withoutPrefix } from '../../../webview/charts/nameGroups.ts';

const groups = (names: readonly string[]): [string, number][] =>
  groupByName(
    names,
    names.map((_, i) => i),
  ).map(({ prefix, members }) => [prefix, members.length]);
const many = (count: number, name: (i: number) => string): string[] => Array.from({ length: count }, (_, i) => name(i));

describe('groupByName', () => {
  it('gathers by the first part, whatever separates it, in the order of the file', () => {
    const names = ['a', 'b', 'c'].flatMap((end) => [`/stem/${end}`, `head.${end}`, `onnx::${end}`]);
    expect(groups(names)).toEqual([
      ['stem', 3],
      ['head', 3],
      ['onnx', 3],
    ]);
  });

  it('divides large groups by their next part', () => {
    const features = many(30, (i) => `net.features.block${i % 3}.conv${i}.weight`);
    expect(groups([...features, 'net.head.a', 'net.head.b', 'net.head.c'])).toEqual([
      ['net.features.block0', 10],
      ['net.features.block1', 10],
      ['net.features.block2', 10],
      ['net.head', 3],
    ]);
  });

  it('a module whose weight lost its ending belongs to its group; a weight and its bias are none', () => {
    expect(groups(['conv', 'conv.bias', 'bn', 'bn.bias', 'bn.mean', 'bn.var'])).toEqual([
      ['bn', 4],
      ['', 2],
    ]);
  });

  it('takes off whatever all members share', () => {
    expect(groups(['jit/pjit/Net/Dense_0/w', 'jit/pjit/Net/Dense_1/w', 'jit/pjit/Net/Conv/w'])).toEqual([
      ['jit/pjit/Net', 3],
    ]);
  });

  it('leaves what stands alone together at the end', () => {
    expect(groups(['a', 'x.1', 'x.2', 'b.c', 'x.3', 'x.4'])).toEqual([
      ['x', 4],
      ['', 2],
    ]);
  });

  it('does not group where every name begins differently', () => {
    expect(groups(['a.w', 'b.w', 'c.w', 'd.w'])).toEqual([['', 4]]);
    expect(groups(['', '...', '::', '/'])).toEqual([['', 4]]);
  });

  it('ends on names that only differ deep down, and loses no tensor', () => {
    const names = many(60, (i) => `${'a.'.repeat(40)}${i}`);
    const found = groupByName(
      names,
      names.map((_, i) => i),
    );
    expect(found.flatMap(({ members }) => members).sort((a, b) => a - b)).toEqual(names.map((_, i) => i));
  });
});

describe('withoutPrefix', () => {
  it('leaves what tells a tensor apart', () => {
    expect(withoutPrefix('/net/features/conv/W', 'net/features')).toBe('conv/W');
    expect(withoutPrefix('conv', 'conv')).toBe('conv');
    expect(withoutPrefix('other', 'net')).toBe('other');
    expect(withoutPrefix('a.b', '')).toBe('a.b');
  });
});
