// The product's version, as package.json states it.

import manifest from '../../package.json' with { type: 'json' };

export function engineVersion(): string {
  return manifest.version;
}
