// Which adapters WebGPU sees, and the one a wish means.

import { QuantscopeError } from '../../base/errors.ts';

type WebGpu = Pick<typeof import('webgpu'), 'create'>;

/** No driver calls its device so. */
const NOBODY = '\u0001';
const LISTED = /^ \* backend: '[^\n']*', name: '([^\n]*)'$/gm;

/** Names in the order of WebGPU, the fastest first. dawn.node tells them only when it refuses a name none of them has. */
export async function adapterNames({ create }: WebGpu): Promise<string[]> {
  const message = await create([`adapter=${NOBODY}`])
    .requestAdapter()
    .then(
      () => '',
      (error: unknown) => String(error),
    );
  return Array.from(message.matchAll(LISTED), ([, name = '']) => name);
}

/**
 * @param names as `adapterNames` gives them
 * @param wish  a place in the list, or a part of a name
 * @returns what WebGPU is to be asked for
 * @throws DEVICE_UNAVAILABLE listing what there is; for the second of two of one name too, since WebGPU takes names only
 */
export function chooseAdapter(names: readonly string[], wish: number | string): string {
  const listed = names.map((name, index) => `${index}: ${name}`).join(', ') || 'no adapter at all';
  if (typeof wish === 'string') {
    if (names.some((name) => name.includes(wish))) return wish;
    throw new QuantscopeError('DEVICE_UNAVAILABLE', `no GPU called ${wish}; WebGPU finds ${listed}`);
  }
  const name = names[wish];
  if (name === undefined) throw new QuantscopeError('DEVICE_UNAVAILABLE', `no GPU ${wish}; WebGPU finds ${listed}`);
  const first = names.findIndex((other) => other.includes(name));
  if (first !== wish)
    throw new QuantscopeError(
      'DEVICE_UNAVAILABLE',
      `GPU ${wish}, ${name}: WebGPU chooses by name and would take GPU ${first}; let the driver show this job one of them`,
    );
  return name;
}
