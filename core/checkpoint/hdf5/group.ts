// Members of an HDF5 group: symbol tables under a B-tree (specification III.A.1, III.B–D) or link messages (IV.A.2.g).

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_HDF5_DEPTH, MAX_NAME_BYTES, MAX_TENSORS } from '../../base/limits.ts';
import { decodeName } from '../tensorName.ts';
import { Cursor, UNDEFINED } from './cursor.ts';
import { type Hdf5File, MESSAGE, type Message, readAt } from './objectHeader.ts';

export interface Member {
  readonly name: string;
  /** Of its object header. */
  readonly address: number;
}

const SYMBOL_ENTRY_TAIL = 24;

/** Members of the group these messages describe; null when they describe no group. @throws HEADER_INVALID, COUNT_LIMIT */
export async function readMembers(
  file: Hdf5File,
  messages: readonly Message[],
  warn: (fact: string) => void,
): Promise<Member[] | null> {
  const cursorOf = (message: Message): Cursor => new Cursor(message.body, file.pages.source.name, file.widths);
  const table = messages.find((message) => message.type === MESSAGE.symbolTable);
  if (table !== undefined) {
    const cursor = cursorOf(table);
    const tree = cursor.address();
    return readSymbolTable(file, tree, cursor.address());
  }
  const links = messages.filter((message) => message.type === MESSAGE.link);
  const info = messages.find((message) => message.type === MESSAGE.linkInfo);
  if (info === undefined && links.length === 0) return null;
  if (info !== undefined && isDense(cursorOf(info)))
    warn('a group keeps its members in a fractal heap, which is not read');
  return links.flatMap((link) => readLink(cursorOf(link)) ?? []);
}

async function readSymbolTable(file: Hdf5File, tree: number, heap: number): Promise<Member[]> {
  const names = await readHeap(file, heap);
  const members: Member[] = [];
  const seen = new Set<number>();
  let nodes = [tree];
  for (let depth = 0; nodes.length > 0; depth++) {
    if (depth > MAX_HDF5_DEPTH) fail(file, `a group's tree is deeper than ${MAX_HDF5_DEPTH}`, 'NESTING_LIMIT');
    const next: number[] = [];
    for (const node of nodes) {
      if (seen.has(node)) fail(file, `a group's tree meets byte ${node} twice`);
      seen.add(node);
      const signature = String.fromCharCode(...(await readAt(file, node, 4)));
      if (signature === 'SNOD') members.push(...(await readSymbolNode(file, node, names)));
      else next.push(...(await readTreeNode(file, node)));
      if (members.length + next.length > MAX_TENSORS)
        fail(file, `a group has more than ${MAX_TENSORS} members`, 'COUNT_LIMIT');
    }
    nodes = next;
  }
  return members;
}

/** "TREE", type 0, level, entries, siblings, then keys and children in turn. */
async function readTreeNode(file: Hdf5File, at: number): Promise<number[]> {
  const { offsetBytes, lengthBytes } = file.widths;
  const headBytes = 8 + 2 * offsetBytes;
  const head = cursor(file, await readAt(file, at, headBytes));
  head.expect('TREE', `the group tree at byte ${at}`);
  if (head.u8() !== 0) head.fail(`the tree at byte ${at} is not a group's`);
  head.u8();
  const entries = head.u16();
  const body = cursor(file, await readAt(file, at + headBytes, entries * (offsetBytes + lengthBytes)));
  return Array.from({ length: entries }, () => {
    body.length();
    return body.address();
  });
}

async function readSymbolNode(file: Hdf5File, at: number, names: Uint8Array): Promise<Member[]> {
  const head = cursor(file, await readAt(file, at, 8));
  head.skip(6);
  const count = head.u16();
  const entryBytes = 2 * file.widths.offsetBytes + SYMBOL_ENTRY_TAIL;
  const body = cursor(file, await readAt(file, at + 8, count * entryBytes));
  return Array.from({ length: count }, () => {
    const nameAt = body.address();
    const address = body.address();
    body.skip(SYMBOL_ENTRY_TAIL);
    return { name: nameIn(file, names, nameAt), address };
  });
}

async function readHeap(file: Hdf5File, at: number): Promise<Uint8Array> {
  const { offsetBytes, lengthBytes } = file.widths;
  const head = cursor(file, await readAt(file, at, 8 + 2 * lengthBytes + offsetBytes));
  head.expect('HEAP', `the local heap at byte ${at}`);
  head.skip(4);
  const bytes = head.length();
  head.length();
  return readAt(file, head.address(), bytes);
}

function nameIn(file: Hdf5File, heap: Uint8Array, at: number): string {
  const end = at >= 0 && at < heap.length ? heap.indexOf(0, at) : -1;
  if (end < 0 || end - at > MAX_NAME_BYTES)
    fail(file, `a member's name at ${at} does not end in its heap`, 'NAME_INVALID');
  return decodeName(heap.subarray(at, end), () => `${file.pages.source.name}: a member's name`);
}

/** Only the place of the dense storage matters: an address means that members lie elsewhere. */
function isDense(info: Cursor): boolean {
  info.u8();
  const flags = info.u8();
  if ((flags & 1) !== 0) info.skip(8);
  return info.address() !== UNDEFINED;
}

/** Hard links only; soft and external ones name what other paths hold. */
function readLink(link: Cursor): Member | null {
  link.u8();
  const flags = link.u8();
  const type = (flags & 8) !== 0 ? link.u8() : 0;
  if ((flags & 4) !== 0) link.skip(8);
  if ((flags & 16) !== 0) link.skip(1);
  const length = link.unsigned(1 << (flags & 3));
  if (length > MAX_NAME_BYTES) link.fail(`a link's name has ${length} bytes, limit ${MAX_NAME_BYTES}`, 'NAME_INVALID');
  const name = decodeName(link.take(length), () => `${link.file}: a link's name`);
  return type === 0 ? { name, address: link.address() } : null;
}

function cursor(file: Hdf5File, bytes: Uint8Array): Cursor {
  return new Cursor(bytes, file.pages.source.name, file.widths);
}

function fail(
  file: Hdf5File,
  fact: string,
  code: 'HEADER_INVALID' | 'NAME_INVALID' | 'COUNT_LIMIT' | 'NESTING_LIMIT' = 'HEADER_INVALID',
): never {
  throw new QuantscopeError(code, `${file.pages.source.name}: ${fact}`);
}
