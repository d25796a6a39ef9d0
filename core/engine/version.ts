// The product's version, as package.json states it.

import { version } from '../../package.json' with { type: 'json' };

export function engineVersion(): string {
  return version;
}
